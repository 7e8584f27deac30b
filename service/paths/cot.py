"""Chain-of-thought paths: the stated answer, and the equations behind it, checked and repaired."""
