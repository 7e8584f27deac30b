"""Public Python API of Twinpath: clients, their results and errors.

This package needs only httpx, httpx-sse and pydantic. The service itself needs `twinpath[serve]`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from service import __version__

if TYPE_CHECKING:
    from service.client import AsyncClient, Client, GradeOptions, Retries, SolveOptions, StreamEvent
    from service.errors import InputError, ServiceError, TwinpathError
    from service.schemas import (
        BatchRow,
        CotExplanation,
        Explanation,
        FieldError,
        GradeRequest,
        GradeResponse,
        GradeRow,
        GradeStep,
        PathBudget,
        PathCounts,
        PathEvent,
        PathTrace,
        ProblemDetails,
        ProgramExplanation,
        SolveRequest,
        SolveResponse,
        TimingReport,
        Usage,
        Vote,
        VoteEvent,
    )
    from service.types import GradeBasis, GradeVerdict, PathKind, PathOutcome, Policy, Status, Verdict

__all__ = [
    "AsyncClient",
    "BatchRow",
    "Client",
    "CotExplanation",
    "Explanation",
    "FieldError",
    "GradeBasis",
    "GradeOptions",
    "GradeRequest",
    "GradeResponse",
    "GradeRow",
    "GradeStep",
    "GradeVerdict",
    "InputError",
    "PathBudget",
    "PathCounts",
    "PathEvent",
    "PathKind",
    "PathOutcome",
    "PathTrace",
    "Policy",
    "ProblemDetails",
    "ProgramExplanation",
    "Retries",
    "ServiceError",
    "SolveOptions",
    "SolveRequest",
    "SolveResponse",
    "Status",
    "StreamEvent",
    "TimingReport",
    "TwinpathError",
    "Usage",
    "Verdict",
    "Vote",
    "VoteEvent",
    "__version__",
]

_MODULES = ("service.errors", "service.types", "service.schemas", "service.client")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Name of the API, imported at its first use. `python -m twinpath` imports this package first, and needs none."""
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                globals()[name] = getattr(module, name)
                return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
