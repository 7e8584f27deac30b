"""Rehearsal of a run: scripted problems, a scripted teacher and tiny random students."""
