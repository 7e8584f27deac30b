"""Runner: runs one program in the current process and encodes its result.

It runs in the locked child. Every program that ends gets a reply. The runner reads hostile objects here, so that they
can harm only their own process. The kernel lock and the service bound time and memory.
"""

import ast
import errno
import sys
from types import TracebackType
from typing import Any

from service.sandbox.base import Outcome
from service.sandbox.formatting import exact_text
from service.sandbox.guards import Guards
from service.sandbox.names import RefusedError, RefusedImportError
from service.sandbox.outline import mark_results
from service.sandbox.policy import restrict
from service.sandbox.results import NoResultError, Results
from service.sandbox.wire import Convert, NotAValueError, encode, unchanged

_FILE = "<program>"
_ERROR_NUMBER: Any = vars(OSError)["errno"]

_OUT_OF_MEMORY = encode(Outcome.MEMORY, "MemoryError")  # encoded ahead: later there may be no memory for it
_NO_TEXT = "an exception that cannot be printed"


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
        text = exact_text(text)
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

    def text(self) -> str:
        """All printed text."""
        return "".join(self._parts)


class Runner:
    """Runs programs with one configuration.

    Args:
        policy: whether the language policy applies. Without it, programs are plain Python.
        output_bytes: maximum number of printed characters, and of bytes in a reply.
        convert: conversion of a library's objects.
    """

    def __init__(self, *, policy: bool, output_bytes: int, convert: Convert = unchanged) -> None:
        self._convert = convert
        self._prepare = _prepare_with_policy if policy else _prepare_without_policy
        self._output_bytes = output_bytes

    def run(self, source: bytes) -> bytes:
        """Run the program and return the reply's body."""
        output = Output(self._output_bytes)
        try:
            answer = self._answer(source.decode(), output)
            if output.overflowed:
                raise OutputLimitError
            reply = encode(Outcome.OK, "", answer, self._convert)
        except MemoryError:
            return _OUT_OF_MEMORY
        except BaseException as raised:
            return _failure(OutputLimitError() if output.overflowed else raised)
        if len(reply) > self._output_bytes:
            return encode(Outcome.OUTPUT, "the answer is too long")
        return reply

    def _answer(self, source: str, output: Output) -> object:
        try:
            tree, namespace = self._prepare(source, output)
            results = Results(mark_results(tree), self._convert)
            code = compile(tree, _FILE, "exec", dont_inherit=True)
        except MemoryError:  # CPython raises it when the stack of its parser is full
            raise SyntaxError("the program is nested too deeply") from None
        namespace.update(results.hooks)
        try:
            exec(code, namespace)  # noqa: S102 (the process is locked)
        except SystemExit:
            pass
        except Exception as error:
            value = results.before_error(namespace, _line_of(error.__traceback__))
            if value is None or _outcome_of(error) is not Outcome.ERROR:
                raise
            return value
        return results.find(namespace, output.text)


def _prepare_with_policy(source: str, output: Output) -> tuple[ast.Module, dict[str, Any]]:
    tree = ast.parse(source, _FILE)
    guards = Guards(output.write)
    restrict(tree, guards.star_names)
    return tree, guards.namespace


def _prepare_without_policy(source: str, output: Output) -> tuple[ast.Module, dict[str, Any]]:
    sys.stdout, sys.stdin = output, None  # descriptor 0 is the pipe to the service
    return ast.parse(source, _FILE), {"__name__": "__main__"}


def _line_of(traceback: TracebackType | None) -> int:
    """Line of the program's top-level statement that raised, or 0."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == _FILE and code.co_name == "<module>":
            return traceback.tb_lineno
        traceback = traceback.tb_next
    return 0


def _failure(error: BaseException) -> bytes:
    """Reply for an exception, whose class and attributes the program may have written."""
    try:
        return encode(_outcome_of(error), _describe(error))
    except MemoryError:
        return _OUT_OF_MEMORY
    except BaseException:
        return encode(Outcome.ERROR, _NO_TEXT)


def _outcome_of(error: BaseException) -> Outcome:
    # `isinstance` and `error.errno` would run code of the program.
    kind = type(error)
    if issubclass(kind, MemoryError):
        return Outcome.MEMORY
    if issubclass(kind, OutputLimitError | NotAValueError):
        return Outcome.OUTPUT
    if issubclass(kind, RefusedError | ModuleNotFoundError):
        return Outcome.DENIED
    if issubclass(kind, PermissionError) and _ERROR_NUMBER.__get__(error) == errno.EPERM:
        return Outcome.DENIED  # the kernel lock answers EPERM
    return Outcome.ERROR


def _describe(error: BaseException) -> str:
    kind = type(error)
    if kind is OutputLimitError:
        return "the program printed too much"
    if kind in (RefusedError, RefusedImportError, NotAValueError, NoResultError):
        return exact_text(error)
    try:
        return exact_text(f"{kind.__name__}: {error}")
    except Exception:
        return _NO_TEXT
