"""What an attack is. Each runs twice: under policy and lock, and as plain Python under the lock alone.

A program that gets where it must not sets `ans` to a text with ESCAPED in it. `CANARY`, `PORT`, `SERVICE` and `ZYGOTE`
in a program stand for a file, a listening port and two process ids of the test.
"""

from dataclasses import dataclass

from service.sandbox.base import Outcome, Value


@dataclass(frozen=True)
class Attack:
    """A program and what must come of it: an outcome, or the value of an OK that shows it got nowhere."""

    name: str
    program: str
    policy: Outcome | Value
    lock: Outcome | Value


REACH = "open('CANARY', 'a').write('x'); ans = 'ESCAPED'"
"""What an attack on the language does once it holds the real builtins."""
