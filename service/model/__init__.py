"""Checkpoints: their metadata, prompt format and vocabulary, and the bundled model."""
