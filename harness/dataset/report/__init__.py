"""What is written of a build: the dataset files, the card and the report."""
