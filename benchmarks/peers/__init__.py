"""Twinpath against its peers: same checkpoint, problems, temperature and machine.

`__main__.py` is the command, `systems.py` holds the settings of each system, `environments.py` builds the peers'
virtual environments, and `clients/` runs inside them.
"""
