"""Wire models of the requests and responses of the HTTP API.

All modules but `from_solution` import only errors and types, so that the client needs nothing of the service.
"""

from service.schemas.batch import BatchRow, GradeRow
from service.schemas.grade import GradeRequest, GradeResponse, GradeStep
from service.schemas.problem_details import FieldError, ProblemDetails
from service.schemas.request import Integral, PathBudget, SolveRequest, Text, TokenCount
from service.schemas.response import (
    CotExplanation,
    Explanation,
    PathCounts,
    PathEvent,
    PathTrace,
    ProgramExplanation,
    SolveResponse,
    TimingReport,
    Usage,
    Vote,
    VoteEvent,
)

__all__ = [
    "BatchRow", "CotExplanation", "Explanation", "FieldError", "GradeRequest", "GradeResponse", "GradeRow", "GradeStep",
    "Integral", "PathBudget", "PathCounts", "PathEvent", "PathTrace", "ProblemDetails", "ProgramExplanation",
    "SolveRequest", "SolveResponse", "Text", "TimingReport", "TokenCount", "Usage", "Vote", "VoteEvent",
]  # fmt: skip
