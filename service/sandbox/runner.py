"""Runner: runs one program in the current process and encodes its result.

It runs in the locked child. Every program that ends gets a reply. The runner reads hostile objects here, so that they
can harm only their own process. The kernel lock and the service bound time and memory.
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
"""Functions without arguments that return the answer of a program without a global `ans`."""

_OUT_OF_MEMORY = encode(Outcome.MEMORY, "MemoryError")  # encoded ahead: later there may be no memory for it


class NoResultError(Exception):
    """The program ended without an answer."""


class OutputLimitError(BaseException):
    """The program printed too much. Not an `Exception`, so that `except Exception` does not catch it."""


class Output:
    """Printed text of a program. Without the policy it is also the program's `sys.stdout`.

    Args:
        limit: maximum number of characters.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Keep the text. Raises `OutputLimitError` above the limit."""
        self._left -= len(text)
        if self.overflowed:
            self._parts.clear()
            raise OutputLimitError
        self._parts.append(text)
        return len(text)

    def flush(self) -> None:
        """Do nothing. `sys.stdout` needs this method."""

    @property
    def overflowed(self) -> bool:
        """Whether the program printed too much, even if it caught the exception."""
        return self._left < 0

    def last_line(self) -> str:
        """Last line that is not blank, or an empty string."""
        lines = "".join(self._parts).rstrip().splitlines()
        return lines[-1].strip() if lines else ""


class Runner:
    """Runs programs with one configuration.

    Args:
        policy: whether the language policy applies. Without it, programs are plain Python.
        output_bytes: maximum number of printed characters, and of bytes in a reply.
    """

    def __init__(self, *, policy: bool, output_bytes: int) -> None:
        self._prepare = _prepare_with_policy if policy else _prepare_without_policy
        self._output_bytes = output_bytes

    def run(self, source: bytes) -> bytes:
        """Run the program and return the reply's body."""
        output = Output(self._output_bytes)
        try:
            answer = self._answer(source.decode(), output)
            if output.overflowed:
                raise OutputLimitError
            reply = encode(Outcome.OK, "", answer)
        except MemoryError:
            return _OUT_OF_MEMORY
        except BaseException as raised:
            error = OutputLimitError() if output.overflowed else raised
            return encode(_outcome_of(error), _describe(error))
        if len(reply) > self._output_bytes:
            return encode(Outcome.OUTPUT, "the answer is too long")
        return reply

    def _answer(self, source: str, output: Output) -> object:
        try:
            code, namespace = self._prepare(source, output)
        except MemoryError:  # CPython raises it when the stack of its parser is full
            raise SyntaxError("the program is nested too deeply") from None
        with suppress(SystemExit):
            exec(code, namespace)  # noqa: S102 (the process is locked)
        return _find_answer(namespace, output)


def _prepare_with_policy(source: str, output: Output) -> tuple[CodeType, dict[str, Any]]:
    return compile_program(source), Guards(output.write).namespace


def _prepare_without_policy(source: str, output: Output) -> tuple[CodeType, dict[str, Any]]:
    sys.stdout, sys.stdin = output, None  # descriptor 0 is the pipe to the service
    return compile(source, "<program>", "exec", dont_inherit=True), {"__name__": "__main__"}


def _find_answer(namespace: dict[str, Any], output: Output) -> object:
    """Global `ans`, else the result of `solution()` or `solver()`, else the last printed line. None is skipped."""
    answer = namespace.get("ans")
    if answer is not None:
        return answer
    for name in ENTRY_POINTS:
        function = namespace.get(name)
        if type(function) is FunctionType and _callable_without_arguments(function):
            answer = function()
            if answer is not None:
                return answer
    line = output.last_line()
    if not line:
        raise NoResultError("the program left no answer: set `ans`, define solution() or print it")
    return line


def _callable_without_arguments(function: FunctionType) -> bool:
    code = function.__code__
    defaults, keyword_defaults = function.__defaults__ or (), function.__kwdefaults__ or {}
    return code.co_argcount == len(defaults) and code.co_kwonlyargcount == len(keyword_defaults)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, OutputLimitError | NotAValueError):
        return Outcome.OUTPUT
    if isinstance(error, RefusedError | ModuleNotFoundError):
        return Outcome.DENIED
    if isinstance(error, PermissionError) and error.errno == errno.EPERM:
        return Outcome.DENIED  # the kernel lock answers EPERM
    return Outcome.ERROR


def _describe(error: BaseException) -> str:
    if isinstance(error, OutputLimitError):
        return "the program printed too much"
    if isinstance(error, RefusedError | NotAValueError | NoResultError):
        return str(error)
    try:
        return f"{type(error).__name__}: {error}"
    except BaseException:
        return "an exception that cannot be printed"
