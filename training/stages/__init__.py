"""Stages of a run, one per file, with the algorithm below."""
