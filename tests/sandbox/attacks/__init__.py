"""The corpus of attacks: `base.py` says what one is, `run.py` runs them, the rest are the attacks by class."""
