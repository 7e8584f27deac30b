"""Model that the service answers for."""

from dataclasses import dataclass, field
from pathlib import Path

from service.model.metadata import Decoding
from service.paths.base import FormatV1, PathFormat
from service.solve.calibration import Calibration
from service.types import PathKind


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One model of a service: the base model of the engine, or a LoRA adapter on it.

    Args:
        name: name in requests and responses. Empty takes the engine's name of its model.
        path_format: prompt format of the model.
        decoding: default decoding parameters.
        calibration: calibration of the votes.
        kinds: kinds of rationale that the model learned.
        adapter: directory of the LoRA adapter. None for the base model.
    """

    name: str = ""
    path_format: PathFormat = field(default_factory=FormatV1)
    decoding: Decoding = field(default_factory=Decoding)
    calibration: Calibration = field(default_factory=Calibration)
    kinds: tuple[PathKind, ...] = tuple(PathKind)
    adapter: Path | None = None
