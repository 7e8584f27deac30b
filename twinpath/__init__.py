"""Public Python API of Twinpath: clients, their results and errors.

This package needs only httpx, httpx-sse and pydantic. The service itself needs `twinpath[serve]`.
"""

from service import __version__
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
