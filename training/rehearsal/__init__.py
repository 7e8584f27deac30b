"""Rehearsal of a run, with a scripted teacher and random students."""
