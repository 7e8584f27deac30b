"""Fixtures shared with the engines' tests."""

from tests.engine.conftest import taught_checkpoint, tiny_checkpoint

__all__ = ["taught_checkpoint", "tiny_checkpoint"]
