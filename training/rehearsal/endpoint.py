"""Scripted teacher: a local endpoint with OpenAI's API and Twinpath's."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from service.paths.base import FormatV1
from service.types import PathKind
from training.rehearsal import script

Reply = Callable[[str, str], tuple[int, str, dict[str, str]]]
"""Function from path and body of a request to status, body and headers. The body of a GET is empty."""


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """Answer requests with `reply` on a free port. Yields the base URL of an OpenAI-compatible endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            status, text, headers = reply(self.path, body)
            try:
                self.send_response(status)
                for name, value in ({"content-type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
            except OSError:
                pass  # the client disconnected

        do_POST = do_GET  # noqa: N815 — the name is the base class's

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def completion(text: str, finish: str = "stop") -> dict[str, Any]:
    """A chat completion of OpenAI's API."""
    choice = {"index": 0, "finish_reason": finish, "text": text, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "t", "choices": [choice], "usage": usage}


def scripted(answers: Mapping[str, str]) -> Reply:
    """Teacher of the script. The same request gets the same rationale, and one in five is wrong.

    Args:
        answers: gold answer of each question.
    """

    def reply(path: str, body: str) -> tuple[int, str, dict[str, str]]:
        try:
            request = json.loads(body)
            kind, question = _task(request)
            seed = int(request["seed"])
        except (ValueError, LookupError, TypeError) as error:
            return 400, json.dumps({"error": {"message": f"the script cannot read {path}: {error!r}"}}), {}
        text = script.rationale(kind, question, answers.get(question, ""), variant=seed, wrong=seed % 5 == 0)
        return 200, json.dumps(_solution(text) if "problem" in request else completion(text)), {}

    return reply


def _task(request: Mapping[str, Any]) -> tuple[PathKind, str]:
    """Kind and question of a request in any style of `recipe.Teacher`."""
    if "problem" in request:
        return next(kind for kind in PathKind if request["paths"].get(kind.value)), request["problem"]
    if "prompt" in request:
        for kind in PathKind:
            before, after = FormatV1().prompt(kind, "\0").split("\0")
            if request["prompt"].endswith(after):
                return kind, request["prompt"].removeprefix(before).removesuffix(after)
    instructions, question = (message["content"] for message in request["messages"])
    return PathKind.POT if "Python" in instructions else PathKind.COT, question


def _solution(text: str) -> dict[str, Any]:
    """A traced response of `/solve` with one path."""
    return {"trace": [{"text": text, "tokens": 10, "outcome": "voted"}], "usage": {"prompt_tokens": 50}}
