"""Reading of OpenAI's prompts, with errors that name the parameter.

Long prompts are read one after another in a thread, and the callers take turns.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar
from weakref import WeakValueDictionary

from fastapi import Request

from service.api.auth import key_name
from service.api.disconnect import while_connected
from service.errors import InputError

_QUOTED = re.compile(r"`(\w+)`")
_LONG_CHARS = 8_000  # takes about 8 ms
_reader = ThreadPoolExecutor(1, thread_name_prefix="prompts")
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""Lock of each API key whose prompts wait. A key has one prompt in the queue of the thread."""

_T = TypeVar("_T")


async def read_prompts(request: Request, read: Callable[[], _T], chars: int, param: str) -> _T:
    """Result of reading the prompts of a request.

    Args:
        request: the HTTP request. The prompts of a caller that left are not read.
        read: reads the prompts.
        chars: number of characters of all prompts.
        param: name of the parameter with the prompts.

    Raises:
        InputError: a prompt is not clear. Its field is the parameter.
        ClientDisconnect: the client disconnected.
    """
    with naming({"problem": param}):
        if chars <= _LONG_CHARS:
            return read()
        return await while_connected(request, _in_turn(key_name(request.scope), read))


async def _in_turn(key: str, read: Callable[[], _T]) -> _T:
    turn = _turns.setdefault(key, asyncio.Lock())
    async with turn:
        return await asyncio.get_running_loop().run_in_executor(_reader, read)


@contextmanager
def naming(names: Mapping[str, str]) -> Iterator[None]:
    """Context in which an error has the names of the request's own parameters.

    Args:
        names: parameters of the request by the field of `/solve`.
    """
    try:
        yield
    except InputError as error:
        if error.field in names:
            error.args = (renamed(str(error), names),)
            error.field = names[error.field]
        raise


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Text with the names of the request's own parameters.

    Args:
        text: text with names of fields of `/solve` in backticks.
        names: parameters of the request by the field.
    """
    return _QUOTED.sub(lambda found: f"`{names.get(found[1], found[1])}`", text)
