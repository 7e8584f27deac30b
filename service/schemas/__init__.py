"""Wire models: what the HTTP API receives and sends."""

from service.schemas.request import Integral, PathBudget, SolveRequest, Text, TokenCount
from service.schemas.response import PathEvent, PathTrace, SolveResponse, Vote, VoteEvent

__all__ = [
    "Integral", "PathBudget", "PathEvent", "PathTrace", "SolveRequest", "SolveResponse", "Text", "TokenCount", "Vote",
    "VoteEvent",
]  # fmt: skip
