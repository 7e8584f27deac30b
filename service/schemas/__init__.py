"""The wire models of `/solve` and `/solve/stream`."""

from service.schemas.request import Integral, PathBudget, SolveRequest, Text, TokenCount
from service.schemas.response import (
    PathEvent,
    PathTrace,
    SolveResponse,
    Vote,
    VoteEvent,
    path_event_of,
)

__all__ = [
    "Integral", "PathBudget", "PathEvent", "PathTrace", "SolveRequest", "SolveResponse", "Text", "TokenCount", "Vote",
    "VoteEvent", "path_event_of",
]  # fmt: skip
