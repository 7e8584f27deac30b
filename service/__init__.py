"""Twinpath's service: chain-of-thought and program-of-thought paths of one student, in one vote."""

__version__ = "0.1.0"
