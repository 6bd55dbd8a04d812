"""The data model: problem rows, test cases and verdicts."""
