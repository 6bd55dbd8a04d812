"""Real models through real backends: ``make test-llm``."""
