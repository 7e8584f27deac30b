"""Twinpath against its peers: the same checkpoint, problems, budgets, temperature and machine, in one run.

`python -m benchmarks.peers` is the command, `__main__.py` its order of events. `systems.py` says how each system is
asked and with which settings, `environments.py` builds the peers' own environments, `clients/` runs in them.
"""
