"""Fixtures of the sandbox, for the command that runs programs."""

from tests.sandbox.conftest import make_pool

__all__ = ["make_pool"]
