"""Definition of an attack. Each runs twice: under policy and lock, and as plain Python under the lock only.

A program that succeeds sets `ans` to a text with ESCAPED in it. The runner replaces `CANARY`, `PORT`, `SERVICE` and
`ZYGOTE` in a program by a file, a listening port and two process ids.
"""

from dataclasses import dataclass

from service.sandbox.base import Outcome, Value


@dataclass(frozen=True)
class Attack:
    """Hostile program with its expected results: an outcome, or the value of a harmless OK.

    Args:
        name: name within its class.
        program: source.
        policy: expected result under policy and lock.
        lock: expected result under the lock only.
    """

    name: str
    program: str
    policy: Outcome | Value
    lock: Outcome | Value


REACH = "open('CANARY', 'a').write('x'); ans = 'ESCAPED'"
"""Code that an attack on the language runs with the real builtins."""
