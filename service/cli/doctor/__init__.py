"""Checks of a machine: probes, findings and report."""
