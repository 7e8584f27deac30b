"""Stages of a run, one per file: inputs and settings on top, the algorithm below."""
