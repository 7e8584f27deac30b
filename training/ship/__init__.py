"""Checkpoints in the form that the service reads."""
