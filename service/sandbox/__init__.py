"""Sandbox: runs programs of thought in locked processes."""
