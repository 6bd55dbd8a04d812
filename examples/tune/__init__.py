"""The paper's experiment, scaled to what is here: ``python -m examples.tune``. See README.md beside it."""
