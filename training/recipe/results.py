"""Sections on results: comparison, calibration, measurement and export."""

from typing import Annotated, Literal

from pydantic import Field

from training.recipe.base import Count, Positive, Section, unit


class Decoding(Section):
    """Sampling of a student for a measurement.

    Args:
        engine: engine that samples the student.
        paths: sampled paths of each kind per problem.
        temperature: sampling temperature.
        max_tokens: maximum number of completion tokens per path.
        problems: maximum number of problems. 0 takes all.
    """

    engine: Literal["vllm", "transformers"] = "transformers"
    paths: Annotated[Positive, unit("paths per kind")] = 10
    temperature: Annotated[float, Field(gt=0)] = 0.7
    max_tokens: Annotated[Positive, unit("tokens")] = 200
    problems: Annotated[Count, unit("problems")] = 0


class Compare(Decoding):
    """Comparison with two students that each learned one kind.

    Args:
        enabled: whether the stage runs.
        steps: optimizer steps of each single-kind student. 0 takes `train.max_steps`. With half of `max_steps` the two
            together cost as much as the student of both kinds, and each sees as much of its kind.
        split: held-out problems of the comparison.
    """

    enabled: bool = False
    steps: Annotated[Count, unit("steps")] = 0
    split: Literal["dev", "test"] = "test"


class Calibrate(Decoding):
    """Calibration on the dev problems.

    Args:
        enabled: whether the stage runs.
        temperatures: temperatures to try. Empty tries only `temperature`.
        bins: bins of the calibration error.
    """

    enabled: bool = True
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = ()
    bins: Annotated[Positive, unit("bins")] = 10


class Measure(Section):
    """Final figures on the test problems, with the decoding of `calibrate`.

    Args:
        enabled: whether the stage runs.
    """

    enabled: bool = True


class Export(Section):
    """Checkpoint for the service.

    Args:
        licence: licence of the checkpoint, for the model card.
        teachers: terms of each teacher, by the beginning of its name, for the model card.
        int8: whether an int8 variant is written too.
    """

    licence: str = "see the base model's terms"
    teachers: dict[str, str] = Field(default_factory=dict)
    int8: bool = False
