"""Reading of OpenAI's prompts, with errors that name the parameter."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from service.errors import InputError

_LONG_CHARS = 8_000  # takes about 8 ms
_reader = ThreadPoolExecutor(1, thread_name_prefix="prompts")

_T = TypeVar("_T")


async def read_prompts(read: Callable[[], _T], chars: int, param: str) -> _T:
    """Result of reading prompts. Long ones are read one after another in a thread, so that the loop stays free.

    Args:
        read: reads the prompts.
        chars: number of characters of all prompts.
        param: name of the parameter with the prompts.

    Raises:
        InputError: a prompt is not clear. Its field is the parameter.
    """
    with naming(param):
        if chars <= _LONG_CHARS:
            return read()
        return await asyncio.get_running_loop().run_in_executor(_reader, read)


@contextmanager
def naming(param: str) -> Iterator[None]:
    """Context in which an error of the problem names the parameter that holds it."""
    try:
        yield
    except InputError as error:
        if error.field != "problem":
            raise
        raise InputError(str(error).replace("`problem`", f"`{param}`"), param) from None
