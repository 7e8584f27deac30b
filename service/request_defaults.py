"""Problem of a request. Missing fields take the value of the settings, then of the model."""

import secrets
from dataclasses import replace
from typing import TypeVar

from service.errors import ConfigurationError, InputError
from service.model.served import ServedModel
from service.paths.base import Thoughts
from service.schemas import PathBudget, SolveRequest
from service.settings import Settings
from service.solve.problem import Problem
from service.types import PathKind, Thinking

_SEED_BITS = 53  # the integers that every JSON parser reads exactly

_T = TypeVar("_T")


def problem_of(
    request: SolveRequest,
    settings: Settings,
    model: ServedModel,
    key: str = "",
    request_id: str = "",
    *,
    ends_thoughts: bool = True,
) -> Problem:
    """Problem of a request.

    If the model learned one kind and both are asked for, all paths are of that kind.

    Args:
        request: the request.
        settings: the settings.
        model: model of the request.
        key: name of the caller's API key.
        request_id: id of the HTTP request.
        ends_thoughts: whether the engine can end a thought.

    Raises:
        InputError: no path is left, the model cannot do what `thinking` states, or `thinking_tokens` has no effect.
    """
    decoding = model.decoding
    budget = request.paths or PathBudget()
    cot, pot = _first(budget.cot, settings.cot_paths), _first(budget.pot, settings.pot_paths)
    if cot + pot == 0:
        raise InputError("`paths` selects no path; set cot or pot.", "paths")
    if cot and pot and len(model.kinds) == 1:
        cot, pot = (cot + pot, 0) if PathKind.COT in model.kinds else (0, cot + pot)
    thinking = _thinks(request.thinking, settings, model)
    problem = Problem(
        text=request.problem,
        cot=cot,
        pot=pot,
        policy=request.policy or settings.policy,
        temperature=_first(request.temperature, settings.temperature, decoding.temperature),
        top_p=_first(request.top_p, settings.top_p, decoding.top_p),
        top_k=max(0, _first(request.top_k, settings.top_k, decoding.top_k)),
        min_p=_first(request.min_p, settings.min_p, decoding.min_p),
        repetition_penalty=_first(request.repetition_penalty, settings.repetition_penalty, decoding.repetition_penalty),
        max_tokens=_first(request.max_tokens, settings.max_tokens),
        thinking=thinking,
        thinking_tokens=_thinking_tokens(request, settings, model, thinking=thinking, ends_thoughts=ends_thoughts),
        deadline_s=_first(request.deadline_s, settings.deadline_s),
        seed=secrets.randbits(_SEED_BITS) if request.seed is None else request.seed,
        min_confidence=request.min_confidence,
        key=key,
        request=request_id,
        model=model.name,
    )
    return replace(problem, calibrated=model.is_calibrated_for(problem))


def check_thinking(settings: Settings, model: ServedModel) -> None:
    """Check that the default model can think as the settings ask.

    Raises:
        ConfigurationError: it cannot, or a request can never follow `thinking_tokens`.
    """
    thoughts = model.path_format.thoughts
    try:
        thoughts.mode(settings.thinking)
    except ValueError as error:
        raise ConfigurationError(
            f"Invalid settings: `thinking` cannot be `{settings.thinking}`, because {error}"
        ) from None
    reason = _no_budget(thoughts, thinking=True in thoughts.modes)
    if settings.thinking_tokens and reason:
        raise ConfigurationError(f"Invalid settings: `thinking_tokens` has no effect, because {reason}")


def _thinks(asked: Thinking | None, settings: Settings, model: ServedModel) -> bool:
    """Whether the model thinks. The setting is that of the default model, and another one may not be able to follow.

    Raises:
        InputError: the model cannot do what the request states.
    """
    thoughts = model.path_format.thoughts
    try:
        return thoughts.mode(_first(asked, settings.thinking))
    except ValueError as error:
        if asked is None:
            return thoughts.mode(Thinking.AUTO)
        raise InputError(f"`thinking` switches thinking {asked}, but {error}; leave it out.", "thinking") from None


def _thinking_tokens(
    request: SolveRequest, settings: Settings, model: ServedModel, *, thinking: bool, ends_thoughts: bool
) -> int | None:
    """Maximum number of tokens of a thought.

    Raises:
        InputError: the request sets one, but the model does not think, or the service cannot end its thoughts.
    """
    asked, thoughts = request.thinking_tokens, model.path_format.thoughts
    reason = _no_budget(thoughts, thinking=thinking, ends_thoughts=ends_thoughts)
    if not reason:
        return settings.thinking_tokens if asked is None else asked
    is_off = not thinking and thoughts.is_known
    if asked is None or (asked == 0 and is_off):  # a model that does not think keeps to a limit of 0
        return None
    remedy = "switch thinking on with `thinking`" if is_off and True in thoughts.modes else "leave it out"
    raise InputError(f"`thinking_tokens` has no effect, because {reason}; {remedy}.", "thinking_tokens")


def _no_budget(thoughts: Thoughts, *, thinking: bool, ends_thoughts: bool = True) -> str:
    """Reason why a limit of a thought's tokens has no effect. Empty if it has one."""
    if not thinking and thoughts.is_known:
        return "the model does not think"
    if thoughts.delimiters is None:
        return "the delimiters of the model's thoughts are not known"
    return "" if ends_thoughts else "the engine cannot end a thought"


def _first(*values: _T | None) -> _T:
    """First value that is not None."""
    return next(value for value in values if value is not None)
