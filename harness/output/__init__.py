"""Where results and progress go: files, standard output, the terminal."""
