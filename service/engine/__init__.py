"""Engines: what samples the paths."""
