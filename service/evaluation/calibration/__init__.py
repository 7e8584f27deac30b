"""Calibration of a model: threshold, confidence map and shifts from its samples."""
