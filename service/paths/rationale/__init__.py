"""Rationale: place of the answer in a chain of thought."""
