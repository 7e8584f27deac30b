"""Fixtures shared with the engines' tests."""

from tests.engine.conftest import tiny_checkpoint

__all__ = ["tiny_checkpoint"]
