"""Layers of the sandbox's kernel lock in words."""

from service.sandbox.base import LockState

_WORDS = {
    "seccomp": "seccomp",
    "landlock": "Landlock",
    "network_namespace": "no network",
    "unprivileged": "no privileges",
    "rlimits": "limits",
}


def active_layers(lock: LockState) -> list[str]:
    """Layers that are on, such as `seccomp`."""
    return [words for name, words in _WORDS.items() if getattr(lock, name)]


def missing_layers(lock: LockState) -> list[str]:
    """Layers that are off."""
    return [words for name, words in _WORDS.items() if not getattr(lock, name)]
