"""Proposes instructions, codes and inputs with language models. Knows nothing of the engine that runs them."""
