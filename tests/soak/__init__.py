"""Many runs in a row, hostile and honest ones mixed, and processes killed meanwhile: see ``__main__``."""
