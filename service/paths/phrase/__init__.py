"""Phrase: answer that a phrase states, in any notation."""
