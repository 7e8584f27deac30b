"""Samples of a student, and votes over them."""
