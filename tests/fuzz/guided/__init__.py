"""Coverage-guided fuzzing (atheris) of what parses bytes of others: see ``__main__``."""
