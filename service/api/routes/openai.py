"""Routes of OpenAI's API: `/v1/chat/completions`, `/v1/completions`, `/v1/models`.

The last user message, or each prompt, is a problem. Every choice is a separate vote with its own seed. A parameter that
Twinpath does not support is an error that names it.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request

from service import __version__
from service.api.disconnect import while_connected
from service.api.routes.openai_stream import Frame, stream_completion
from service.api.routes.solve import components_of, problem_of, request_id, require_json, solve_and_record
from service.api.sse import EventStream
from service.errors import InputError, UnknownModelError
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.from_solution import solve_response
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_reply import bare_problem, finish_reason, reply_text, usage_of
from service.schemas.openai_request import MAX_CHOICES, ChatRequest, CompletionRequest, Message, Options, Sampled
from service.schemas.openai_response import (
    ChatChoice,
    ChatCompletion,
    ModelCard,
    ModelList,
    ReplyMessage,
    TextChoice,
    TextCompletion,
    UsageReport,
)
from service.solve.problem import Problem, path_seed
from service.solve.problem_run import Observer

router = APIRouter(prefix="/v1")

ALIAS = "twinpath"
"""Name of the served model, whatever the checkpoint."""

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorObject, "description": description}
    for status, description in {
        400: "The body is not valid JSON, or a parameter is invalid or not supported. `param` names it.",
        404: "The model is not served.",
        408: "The body did not arrive in time.",
        413: "The body is too large.",
        415: "The Content-Type of the body is not JSON.",
        429: "The queue is full, or the API key has reached a limit.",
        503: "The engine cannot sample.",
    }.items()
}


def _or_stream(description: str) -> dict[int | str, dict[str, Any]]:
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return _ERRORS | {200: {"description": description, "content": content}}


@dataclass(frozen=True, slots=True)
class _Work:
    """Problems of a request, and the form of its reply."""

    problems: list[Problem]
    stop: tuple[str, ...]
    trace: bool
    frame: Frame


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses=_or_stream("The completion. With `stream`, its chunks as server-sent events, and `[DONE]` last."),
    dependencies=[Depends(require_json)],
)
async def chat_completions(body: ChatRequest, request: Request) -> Any:
    """Solve the last user message. The reply is the best explanation, and ends with the answer of the vote."""
    limit = "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens"
    text = _last_user_text(body.messages)
    work = _work(body, request, [text], "messages", getattr(body, limit), Frame.chat)
    if body.stream:
        return await _stream(body, request, work)
    replies, usage = await _replies(work, request)
    choices = [ChatChoice(message=ReplyMessage(content=text), **rest) for text, rest in replies]
    return ChatCompletion(**work.frame.head, choices=choices, usage=usage)


@router.post(
    "/completions",
    response_model=TextCompletion,
    responses=_or_stream("The completion. With `stream`, its chunks as server-sent events, and `[DONE]` last."),
    dependencies=[Depends(require_json)],
)
async def completions(body: CompletionRequest, request: Request) -> Any:
    """Solve each prompt. The text is the best explanation, and ends with the answer of the vote."""
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    work = _work(body, request, prompts, "prompt", body.max_tokens, Frame.text)
    if body.stream:
        return await _stream(body, request, work)
    replies, usage = await _replies(work, request)
    choices = [TextChoice(text=text, **rest) for text, rest in replies]
    return TextCompletion(**work.frame.head, choices=choices, usage=usage)


@router.get("/models")
async def models(request: Request) -> ModelList:
    """List the served model under its own name and under the alias `twinpath`."""
    return ModelList(data=[_card(request, name) for name in _names(request)])


@router.get("/models/{model:path}", responses={404: _ERRORS[404]})
async def model(model: str, request: Request) -> ModelCard:
    """Show one name of the served model."""
    return _card(request, _known(model, request))


def _work(
    body: Sampled,
    request: Request,
    texts: Sequence[str],
    param: str,
    max_tokens: int | None,
    frame: Any,
) -> _Work:
    """Problems of a request: `n` for each text, each with its own seed.

    Raises:
        InputError: a parameter is invalid. Its field is the name of the parameter.
    """
    name = _known(body.model, request)
    n = body.n or 1
    if n * len(texts) > MAX_CHOICES:
        raise InputError(f"The request has {n * len(texts)} choices; the maximum is {MAX_CHOICES}.", "n")
    if body.stream_options and not body.stream:
        raise InputError("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    options = body.twinpath or Options()
    seed = secrets.randbits(53) if body.seed is None else body.seed % 2**63
    problems = [
        _problem(body, request, text, param, max_tokens, options, seed if choice == 0 else path_seed(seed, -choice))
        for choice, text in enumerate(text for text in texts for _ in range(n))
    ]
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    head = {
        "id": request_id(),
        "created": int(time.time()),  # noqa: TID251 - a date
        "model": name,
        "system_fingerprint": f"twinpath-{__version__}",
    }
    return _Work(problems, stop, options.trace, frame(head))


def _problem(
    body: Sampled,
    request: Request,
    text: str,
    param: str,
    max_tokens: int | None,
    options: Options,
    seed: int,
) -> Problem:
    budget = options.paths or (PathBudget(cot=1, pot=1) if body.temperature == 0 else None)
    try:
        solve_request = SolveRequest.checked(
            problem=bare_problem(text),
            paths=budget,
            policy=options.policy,
            temperature=body.temperature,
            top_p=body.top_p,
            max_tokens=max_tokens,
            deadline_s=options.deadline_s,
            seed=seed,
            min_confidence=options.min_confidence,
        )
        return problem_of(solve_request, request)
    except InputError as error:
        if error.field != "problem":
            raise
        raise InputError(str(error).replace("`problem`", f"`{param}`"), param) from None


async def _replies(work: _Work, request: Request) -> tuple[list[tuple[str, dict[str, Any]]], UsageReport]:
    """Text and other fields of each choice, and the usage of all choices."""
    responses = await while_connected(request, _solve(work, request))
    replies = [
        (
            reply_text(response, work.stop),
            {
                "index": index,
                "finish_reason": finish_reason(response, work.problems[index].max_tokens),
                "twinpath": response if work.trace else response.without_trace(),
            },
        )
        for index, response in enumerate(responses)
    ]
    return replies, usage_of(responses)


async def _solve(work: _Work, request: Request, observers: Sequence[Observer | None] = ()) -> list[SolveResponse]:
    """Responses of all problems in order, with their traces. The first failure cancels the others."""
    own = request_id()
    ids = [own if len(work.problems) == 1 else f"{own}-{index}" for index in range(len(work.problems))]
    observers = observers or [None] * len(ids)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(solve_and_record(problem, request, observer, problem_id=problem_id))
                for problem, problem_id, observer in zip(work.problems, ids, observers, strict=True)
            ]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [solve_response(task.result(), trace=True) for task in tasks]


async def _stream(body: Sampled, request: Request, work: _Work) -> EventStream:
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    return await stream_completion(
        work.frame,
        lambda observers: _solve(work, request, observers),
        [problem.max_tokens for problem in work.problems],
        stop=work.stop,
        trace=work.trace,
        include_usage=include_usage,
    )


def _last_user_text(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            content = message.content or ""
            return content if isinstance(content, str) else "\n".join(part.text for part in content)
    raise InputError("There is no user message. The last user message is the problem.", "messages")


def _names(request: Request) -> list[str]:
    return list(dict.fromkeys([components_of(request).engine.model, ALIAS]))


def _known(name: str, request: Request) -> str:
    if name not in _names(request):
        raise UnknownModelError(f"The model '{name[:100]}' is not served. GET /v1/models lists the served names.")
    return name


def _card(request: Request, name: str) -> ModelCard:
    return ModelCard(id=name, created=request.app.state.started_at)
