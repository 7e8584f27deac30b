"""Work of a command on the rows of a file."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic

from service.cli.columns import Role
from service.schemas.batch import BatchFormat, RequestT, ResponseT, ResultT
from service.settings import Settings

Work = Callable[[RequestT], Awaitable[ResponseT]]
"""Processes a request."""

ERROR = "error"
"""Label of a result with an error, and name of its column in CSV."""


@dataclass(frozen=True, slots=True)
class RowTask(Generic[RequestT, ResponseT, ResultT]):
    """Work of a command on each row.

    Args:
        title: present participle of the work, such as "Solving".
        done: past participle, such as "solved".
        roles: texts of a row.
        format: format of the rows and of their results.
        columns: names of the columns of a result in CSV, before that of the error.
        cells: cells of a response in CSV.
        backend: connects to the service at a URL, or starts an engine in this process.
        labels: words for each label in the totals.
        doubtful: labels of results that a person should check.
        has_own_seeds: whether each row gets a seed of its own, derived from the seed of the run.
    """

    title: str
    done: str
    roles: tuple[Role, ...]
    format: BatchFormat[RequestT, ResponseT, ResultT]
    columns: tuple[str, ...]
    cells: Callable[[ResponseT], list[str]]
    backend: Callable[[Settings, str | None], AbstractAsyncContextManager[Work[RequestT, ResponseT]]]
    labels: Mapping[str, str]
    doubtful: tuple[str, ...]
    has_own_seeds: bool

    @property
    def options(self) -> tuple[str, ...]:
        """Fields of a request that may be columns of a CSV file: all but the texts of a row, and `model`."""
        others = {role.name for role in self.roles} | {"model"}  # in a file of results, the model that gave them
        return tuple(name for name in self.format.request.model_fields if name not in others)

    def response(self, row: ResultT) -> ResponseT | None:
        """Response of a row, or None for a result with an error."""
        response: ResponseT | None = getattr(row, self.format.field)
        return response

    def label(self, row: ResultT) -> str:
        """Label of a result: its verdict, or `ERROR`."""
        response = self.response(row)
        return ERROR if response is None else response.verdict.value
