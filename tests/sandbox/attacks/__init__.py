"""Attack corpus: `base.py` defines an attack, `run.py` runs them, the other modules hold them by class."""
