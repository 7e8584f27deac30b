"""CPU time of a request with each HTTP parser.

    python -m benchmarks.http_parsers [--rounds N] [--requests N] [--json FILE]

Each round starts the demo service with the shipped connections, on h11, and with uvicorn's own protocol on httptools.
The figures are milliseconds of the event loop's CPU time per request, and their ratio in the same round.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from benchmarks import results
from service.api.app import create_app
from service.api.protocol import http_options
from service.components import build
from service.settings import EngineKind, Settings

CONNECTIONS = 8
HTTPTOOLS = "httptools"
_PROBLEM = json.dumps({"problem": "A pen costs 3 dollars. How much do 7 pens cost?", "seed": 7}).encode()
_LINE = b" " * 4095 + b"\n"
_POST = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\n%b\r\n"


def _posted(path: bytes, media_type: bytes, body: bytes) -> bytes:
    return _POST % (path, media_type, b"Content-Length: %d\r\n" % len(body)) + body


def _in_chunks(path: bytes, media_type: bytes, body: bytes) -> bytes:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    return _POST % (path, media_type, b"Transfer-Encoding: chunked\r\n") + chunks + b"0\r\n\r\n"


REQUESTS = {
    "GET /health": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /health, 30 headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X-Header: a-value-of-it\r\n" * 29 + b"\r\n",
    "POST /solve, 20 paths": _posted(b"/solve", b"application/json", _PROBLEM),
    "POST /solve/batch, 1 MiB of empty lines": _posted(b"/solve/batch", b"application/x-ndjson", _LINE * 256),
    "POST /solve/batch, 16 KiB in chunks of one byte": _in_chunks(b"/solve/batch", b"application/x-ndjson", _LINE * 4),
}
"""Name of a row → the request."""


def parsers(settings: Settings) -> dict[str, dict[str, Any]]:
    """Arguments of `uvicorn.Config` for each parser."""
    plain = {"ws": "none", "access_log": False, "server_header": False, "proxy_headers": False}
    return {
        "shipped": http_options(settings),
        HTTPTOOLS: plain | {"http": "httptools"},
    }


def serve(parser: str, port: int) -> None:
    """Serve the demo with a parser."""
    settings = Settings(engine=EngineKind.FAKE)
    app = create_app(build(settings))
    uvicorn.run(app, port=port, log_config=None, **parsers(settings)[parser])


def measure(parser: str, requests: int) -> dict[str, float]:
    """Milliseconds of CPU time per request of each row."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.http_parsers", "--serve", parser, "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port)
            found = {}
            for name, request in REQUESTS.items():
                count = requests if name.startswith("GET") else max(CONNECTIONS, requests // 10)
                asyncio.run(_send(port, request, CONNECTIONS))
                before = _loop_s(process.pid)
                asyncio.run(_send(port, request, count))
                found[name] = (_loop_s(process.pid) - before) / count * 1e3
            return found
        finally:
            process.terminate()


def _loop_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"Nothing answers on port {port}.")


async def _send(port: int, request: bytes, count: int) -> None:
    """Send a request again and again, on several connections."""

    async def client(times: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(times):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await (reader.readexactly(int(length)) if length else reader.readuntil(b"0\r\n\r\n"))
        writer.close()

    await asyncio.gather(*(client(count // CONNECTIONS) for _ in range(CONNECTIONS)))


def table(figures: dict[str, Any]) -> str:
    """Markdown: one row per request."""
    rounds = figures["rounds"]
    names = list(rounds[0])
    lines = [
        "| request | " + " | ".join(f"{name}, ms" for name in names) + " | shipped / httptools |",
        "|---" + "|---:" * (len(names) + 1) + "|",
    ]
    for row in rounds[0][HTTPTOOLS]:
        cells = [results.spread([one[name][row] for one in rounds], ".2f") for name in names]
        cells += [
            results.spread([one[name][row] / one[HTTPTOOLS][row] for one in rounds], ".2f")
            for name in names
            if name != HTTPTOOLS
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="result file")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port)
        return
    rounds = []
    for number in range(options.rounds):
        order = list(parsers(Settings()))
        found = {name: measure(name, options.requests) for name in (order if number % 2 else order[::-1])}
        rounds.append({name: found[name] for name in order})
    figures = {"connections": CONNECTIONS, "requests": options.requests, "rounds": rounds}
    print(table(figures))
    if options.json:
        results.write(options.json, figures, **{name: version(name) for name in ("uvicorn", "h11", HTTPTOOLS)})


if __name__ == "__main__":
    main()
