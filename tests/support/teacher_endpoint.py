"""Local HTTP endpoint with scripted replies.

As a command, it is the teacher of the recipe `smoke`:

python -m tests.support.teacher_endpoint [PORT]
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[str], tuple[int, str, dict[str, str]]]
"""Function from a request's body to status, body and headers."""


@contextmanager
def serving(reply: Reply, port: int = 0) -> Iterator[str]:
    """Answer every POST with `reply`. Yields the base URL of an OpenAI-compatible endpoint. Port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status, text, headers = reply(body)
            try:
                self.send_response(status)
                for name, value in ({"content-type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
            except OSError:
                pass  # the client disconnected

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def completion(text: str, finish: str = "stop") -> dict[str, Any]:
    """A chat completion of OpenAI's API."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60}
    return {"id": "x", "object": "chat.completion", "created": 0, "model": "t", "choices": [choice], "usage": usage}


def scripted(body: str) -> tuple[int, str, dict[str, str]]:
    """Teacher of the tiny problems. The same request gets the same rationale, and one in five is wrong."""
    request = json.loads(body)
    instructions, question = (message["content"] for message in request["messages"])
    a, b = [int(word) for word in question.split() if word.isdigit()]
    wrong = request["seed"] % 5 == 0
    total = a + b + wrong
    if "Python" in instructions:
        name = ("pens", "first", "had")[request["seed"] % 3]
        text = f"{name} = {a}\nmore = {b}\nans = {name} + more" + " + 1" * wrong
    else:
        opening = ("She has", "Ann has", "There are")[request["seed"] % 3]
        text = f"{opening} {a} pens and buys {b}: {a} + {b} = {total}. The answer is {total}"
    return 200, json.dumps(completion(text)), {}


if __name__ == "__main__":
    with serving(scripted, int(sys.argv[1]) if len(sys.argv) > 1 else 8010) as url:
        print(url, flush=True)
        threading.Event().wait()
