"""Routes of OpenAI's API for completions: `/v1/chat/completions` and `/v1/completions`.

The last user message, or each prompt, is a problem. Every choice is a separate vote with its own seed. A parameter that
Twinpath does not support is an error that names it.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request

from service import __version__
from service.api.disconnect import while_connected
from service.api.routes.choices import solve_choices
from service.api.routes.openai_models import known_model
from service.api.routes.openai_prompts import naming, read_prompts, renamed
from service.api.routes.openai_stream import Frame, stream_completion
from service.api.routes.solve import problem_of, request_id, require_json
from service.api.sse import EventStream
from service.errors import InputError
from service.schemas import PathBudget, SolveRequest, SolveResponse
from service.schemas.openai_errors import ErrorObject
from service.schemas.openai_prompt import problem_of_prompt, problem_of_turns
from service.schemas.openai_reply import finish_reason, reply_text, usage_of
from service.schemas.openai_request import (
    MAX_CHOICES,
    ChatRequest,
    Completed,
    CompletionRequest,
    Options,
    Sampled,
    text_of,
)
from service.schemas.openai_response import (
    ChatChoice,
    ChatCompletion,
    ReplyMessage,
    TextChoice,
    TextCompletion,
    UsageReport,
)
from service.schemas.openai_thinking import only_value
from service.solve.problem import Problem, path_seed
from service.solve.problem_run import Observer

router = APIRouter(prefix="/v1", tags=["openai"])

ERRORS: dict[int | str, dict[str, Any]] = {
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


def or_stream(description: str) -> dict[int | str, dict[str, Any]]:
    """Responses of a route that can stream, for the OpenAPI document."""
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return ERRORS | {200: {"description": description, "content": content}}


@dataclass(frozen=True, slots=True)
class Work:
    """Problems of a request, and what its reply needs.

    Args:
        problems: problems of all choices, in order.
        stop: stop sequences of the replies.
        trace: whether a choice holds every path.
        created: time of the request, in Unix seconds.
        model: name of the model, as the request gives it.
        names: parameters of the request by the field of `/solve`.
    """

    problems: list[Problem]
    stop: tuple[str, ...]
    trace: bool
    created: int
    model: str
    names: Mapping[str, str]


@router.post(
    "/chat/completions",
    response_model=ChatCompletion,
    responses=or_stream("The completion. With `stream`, its chunks as server-sent events, and `[DONE]` last."),
    dependencies=[Depends(require_json)],
)
async def chat_completions(body: ChatRequest, request: Request) -> Any:
    """Solve the last user message. The reply is the best explanation, and ends with the answer of the vote."""
    limit = "max_tokens" if body.max_completion_tokens is None else "max_completion_tokens"
    turns = [(message.role, text_of(message.content)) for message in body.messages]
    work = await work_of_turns(body, request, turns, {"problem": "messages", "max_tokens": limit})
    frame = Frame.chat(_head(work))
    if body.stream:
        return await _stream(body, request, work, frame)
    replies, usage = await _replies(work, request)
    choices = [ChatChoice(message=ReplyMessage(content=text), **rest) for text, rest in replies]
    return ChatCompletion(**frame.head, choices=choices, usage=usage)


@router.post(
    "/completions",
    response_model=TextCompletion,
    responses=or_stream("The completion. With `stream`, its chunks as server-sent events, and `[DONE]` last."),
    dependencies=[Depends(require_json)],
)
async def completions(body: CompletionRequest, request: Request) -> Any:
    """Solve each prompt. The text is the best explanation, and ends with the answer of the vote."""
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    chars = sum(map(len, prompts))
    texts = await read_prompts(request, lambda: list(map(problem_of_prompt, prompts)), chars, "prompt")
    work = _work_of(body, request, texts, {"problem": "prompt"})
    frame = Frame.text(_head(work))
    if body.stream:
        return await _stream(body, request, work, frame)
    replies, usage = await _replies(work, request)
    choices = [TextChoice(text=text, **rest) for text, rest in replies]
    return TextCompletion(**frame.head, choices=choices, usage=usage)


async def work_of_turns(
    body: Sampled, request: Request, turns: Sequence[tuple[str, str]], names: Mapping[str, str]
) -> Work:
    """Problem of a conversation.

    Args:
        body: body of the request.
        request: the HTTP request.
        turns: role and text of each message.
        names: parameters of the request by the field of `/solve`: `problem` and `max_tokens`.

    Raises:
        InputError: a parameter is invalid. Its field is the name of the parameter.
    """
    chars = sum(len(text) for _, text in turns)
    text = await read_prompts(request, lambda: problem_of_turns(turns), chars, names["problem"])
    return _work_of(body, request, [text], names)


async def solve_work(work: Work, request: Request, observers: Sequence[Observer | None] = ()) -> list[SolveResponse]:
    """Solve the problems of a request. Errors and warnings have the names of its parameters. See `solve_choices`."""
    with naming(work.names):
        responses = await solve_choices(work.problems, request, observers, trace=work.trace)
    return [
        response.model_copy(update={"warning": renamed(response.warning, work.names)}) if response.warning else response
        for response in responses
    ]


def _work_of(body: Sampled, request: Request, texts: Sequence[str], names: Mapping[str, str]) -> Work:
    """Problems of a request: `n` for each text, each with its own seed.

    Args:
        body: body of the request.
        request: the HTTP request.
        texts: texts of the problems.
        names: parameters of the request by the field of `/solve`.

    Raises:
        InputError: a parameter is invalid. Its field is the name of the parameter.
    """
    name = known_model(body.model, request)
    n, stop = (body.n or 1, body.stop or ()) if isinstance(body, Completed) else (1, ())
    if n * len(texts) > MAX_CHOICES:
        raise InputError(f"The request has {n * len(texts)} choices; the maximum is {MAX_CHOICES}.", "n")
    if body.stream_options and not body.stream:
        raise InputError("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    options = body.twinpath or Options()
    seed = secrets.randbits(53) if body.seed is None else body.seed % 2**63
    switch, thinking = only_value({"twinpath.thinking": options.thinking} | body.switches())
    budget, tokens = only_value({"twinpath.thinking_tokens": options.thinking_tokens} | body.budgets())
    options = options.model_copy(update={"thinking": thinking, "thinking_tokens": tokens})
    names = {"max_tokens": "max_tokens", "thinking": switch, "thinking_tokens": budget, **names}
    max_tokens = getattr(body, names["max_tokens"])
    with naming(names):
        problems = [
            _problem(body, request, text, max_tokens, options, seed if choice == 0 else path_seed(seed, -choice))
            for choice, text in enumerate(text for text in texts for _ in range(n))
        ]
    created = int(time.time())  # noqa: TID251 - a date
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    return Work(problems, stops, bool(options.trace), created, name, names)


def _problem(
    body: Sampled, request: Request, text: str, max_tokens: int | None, options: Options, seed: int
) -> Problem:
    budget = options.paths or (PathBudget(cot=1, pot=1) if body.temperature == 0 else None)
    solve_request = SolveRequest.checked(
        problem=text,
        model=body.model,
        paths=budget,
        policy=options.policy,
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        min_p=body.min_p,
        repetition_penalty=body.repetition_penalty,
        max_tokens=max_tokens,
        thinking=options.thinking,
        thinking_tokens=options.thinking_tokens,
        deadline_s=options.deadline_s,
        seed=seed,
        min_confidence=options.min_confidence or 0.0,
    )
    return problem_of(solve_request, request)


async def _replies(work: Work, request: Request) -> tuple[list[tuple[str, dict[str, Any]]], UsageReport]:
    """Text and other fields of each choice, and the usage of all choices."""
    responses = await while_connected(request, solve_work(work, request))
    replies = [
        (
            reply_text(response, work.stop),
            {
                "index": index,
                "finish_reason": finish_reason(response),
                "twinpath": response,
            },
        )
        for index, response in enumerate(responses)
    ]
    return replies, usage_of(responses)


def _head(work: Work) -> dict[str, Any]:
    """Fields of every part of a completion."""
    return {
        "id": request_id(),
        "created": work.created,
        "model": work.model,
        "system_fingerprint": f"twinpath-{__version__}",
    }


async def _stream(body: Sampled, request: Request, work: Work, frame: Frame) -> EventStream:
    include_usage = bool(body.stream_options and body.stream_options.include_usage)
    return await stream_completion(
        frame,
        lambda observers: solve_work(work, request, observers),
        len(work.problems),
        stop=work.stop,
        include_usage=include_usage,
    )
