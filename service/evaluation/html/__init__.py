"""HTML report of an evaluation: one file, without scripts."""
