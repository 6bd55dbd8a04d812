"""Output of results and progress: files, standard output, the terminal."""
