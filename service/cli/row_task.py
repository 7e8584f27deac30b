"""Work of a command on the rows of a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from service.cli.columns import Role
from service.schemas.batch import BatchFormat, RequestT, ResponseT, ResultT

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
        cells: cells of a result in CSV, none for a result with an error.
        label: label of a result, such as its verdict, or `ERROR`.
        model: name of the model behind a result, empty for a result with an error.
        labels: words for each label in the totals.
        doubtful: labels of results that a person should check.
        has_own_seeds: whether each row gets a seed of its own, derived from the seed of the run.
    """

    title: str
    done: str
    roles: tuple[Role, ...]
    format: BatchFormat[RequestT, ResponseT, ResultT]
    columns: tuple[str, ...]
    cells: Callable[[ResultT], list[str]]
    label: Callable[[ResultT], str]
    model: Callable[[ResultT], str]
    labels: Mapping[str, str]
    doubtful: tuple[str, ...]
    has_own_seeds: bool

    @property
    def options(self) -> tuple[str, ...]:
        """Fields of a request that are not texts of a row."""
        texts = {role.name for role in self.roles}
        return tuple(name for name in self.format.request.model_fields if name not in texts)
