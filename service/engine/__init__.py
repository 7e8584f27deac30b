"""Engines: sample the paths from the model."""
