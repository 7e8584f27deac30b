"""Runs one program in the process it is called in, and says how it ended.

It stands in the locked child. It promises a reply for every program that returns at all: what the program raised,
printed or left behind is classified here, where a hostile object can hurt nobody but its own process. It does not
bound time or memory, and without the policy it protects nothing; the kernel lock around it does.
"""

import errno
import sys
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

from service.sandbox.base import Outcome
from service.sandbox.guards import Guards
from service.sandbox.policy import RefusedError, compile_program
from service.sandbox.wire import NotAValueError, encode

ENTRY_POINTS = ("solution", "solver")
"""Functions without arguments that return the answer, where no global `ans` holds it."""

_OUT_OF_MEMORY = encode(Outcome.MEMORY, "MemoryError")  # ready made: there may be no room to make it


class NoResultError(Exception):
    """The program ended without an answer."""


class OutputLimitError(BaseException):
    """The program printed too much. Not an `Exception`, so that `except Exception` lets it pass."""


class Printed:
    """What a program has printed; also its `sys.stdout` where no policy gives it a `print` of its own."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Keep the text; raises `OutputLimitError` once it is too much."""
        self._left -= len(text)
        if self.overflowed:
            self._parts.clear()
            raise OutputLimitError
        self._parts.append(text)
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""

    @property
    def overflowed(self) -> bool:
        """Whether too much was printed, also where the program caught the exception."""
        return self._left < 0

    def last_line(self) -> str:
        """The last line that is not blank; empty where there is none."""
        lines = "".join(self._parts).rstrip().splitlines()
        return lines[-1].strip() if lines else ""


class Runner:
    """Runs programs under one configuration.

    Args:
        policy: whether the language policy applies; without it, programs are plain Python.
        output_bytes: how many characters a program may print, and how many bytes its reply may have.
    """

    def __init__(self, *, policy: bool, output_bytes: int) -> None:
        self._prepare = _with_policy if policy else _without_policy
        self._output_bytes = output_bytes

    def run(self, source: bytes) -> bytes:
        """Run the program and return the reply's body."""
        printed = Printed(self._output_bytes)
        try:
            answer = self._answer(source.decode(), printed)
            if printed.overflowed:
                raise OutputLimitError
            reply = encode(Outcome.OK, "", answer)
        except MemoryError:
            return _OUT_OF_MEMORY
        except BaseException as raised:
            error = OutputLimitError() if printed.overflowed else raised
            return encode(_outcome_of(error), _describe(error))
        if len(reply) > self._output_bytes:
            return encode(Outcome.OUTPUT, "its answer is too long")
        return reply

    def _answer(self, source: str, printed: Printed) -> object:
        try:
            code, namespace = self._prepare(source, printed)
        except MemoryError:  # CPython says so when its parser's stack is full
            raise SyntaxError("the program is nested too deeply") from None
        with suppress(SystemExit):
            exec(code, namespace)  # noqa: S102 (this is what the lock is for)
        return _harvest(namespace, printed)


def _with_policy(source: str, printed: Printed) -> tuple[CodeType, dict[str, Any]]:
    return compile_program(source), Guards(printed.write).namespace


def _without_policy(source: str, printed: Printed) -> tuple[CodeType, dict[str, Any]]:
    sys.stdout, sys.stdin = printed, None  # the real one is the pipe to the service
    return compile(source, "<program>", "exec", dont_inherit=True), {"__name__": "__main__"}


def _harvest(namespace: dict[str, Any], printed: Printed) -> object:
    """Global `ans`, else what `solution()` or `solver()` returns, else the last line printed. None is no answer."""
    answer = namespace.get("ans")
    if answer is not None:
        return answer
    for name in ENTRY_POINTS:
        function = namespace.get(name)
        if type(function) is FunctionType and _takes_nothing(function):
            answer = function()
            if answer is not None:
                return answer
    line = printed.last_line()
    if not line:
        raise NoResultError("it left no answer: no `ans`, no solution(), nothing printed")
    return line


def _takes_nothing(function: FunctionType) -> bool:
    code = function.__code__
    defaults, keyword_defaults = function.__defaults__ or (), function.__kwdefaults__ or {}
    return code.co_argcount == len(defaults) and code.co_kwonlyargcount == len(keyword_defaults)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, OutputLimitError | NotAValueError):
        return Outcome.OUTPUT
    if isinstance(error, RefusedError | ModuleNotFoundError):
        return Outcome.DENIED
    if isinstance(error, PermissionError) and error.errno == errno.EPERM:
        return Outcome.DENIED  # what the kernel lock answers
    return Outcome.ERROR


def _describe(error: BaseException) -> str:
    if isinstance(error, OutputLimitError):
        return "it printed too much"
    if isinstance(error, RefusedError | NotAValueError | NoResultError):
        return str(error)
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return "an exception that cannot be shown"
