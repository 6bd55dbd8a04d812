"""The test suite on another kernel: see ``__main__``."""
