"""Modules that take long to import."""

HEAVY = {"torch", "transformers", "datasets", "sklearn", "matplotlib", "scipy", "numpy", "openai"}
"""Modules that a command must not import before it needs them."""
