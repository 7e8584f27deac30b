"""Paths: prompts in, answers and programs out."""
