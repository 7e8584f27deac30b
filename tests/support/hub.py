"""Hugging Face hub on loopback: models, their files in ranges, and refusals."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

_COMMIT = "c" * 40
_RESOLVE = re.compile(r"/(?P<model>[^/]+/[^/]+)/resolve/[^/]+/(?P<file>.+)")
_API = re.compile(r"/api/models/(?P<model>[^/]+/[^/]+?)(/(?P<kind>revision|tree)/(?P<revision>[^/]+))?")


@dataclass
class Hub:
    """Models of a hub, and the requests that it received.

    Args:
        models: content of each file of each model.
        gated: models whose files need an access that no token of the tests has.
        stall_after: bytes of a file of weights after which the hub sends nothing more.
        ignores_ranges: whether a request for a range gets the whole file.
        damaged: whether the weights differ from their SHA-256.
        refuses_weights: status of every response to a request for weights. None sends them.
        refuses_listings: number of listings that get status 503 before the hub answers.
        retry_after: header `Retry-After` of refusals.
        is_silent: whether the hub accepts connections and never answers.
    """

    models: dict[str, dict[str, bytes]]
    gated: set[str] = field(default_factory=set)
    stall_after: int | None = None
    ignores_ranges: bool = False
    damaged: bool = False
    refuses_weights: int | None = None
    refuses_listings: int = 0
    retry_after: str = ""
    is_silent: bool = False
    url: str = ""
    ranges: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def served(self) -> Iterator["Hub"]:
        """Serve on a free port of the loopback."""
        handler = type("Handler", (_Handler,), {"hub": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield self
            finally:
                self.released.set()
                server.shutdown()
                thread.join()


def is_large(name: str) -> bool:
    return name.endswith(".safetensors")


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.hub.is_silent:
            self.hub.released.wait(60)
            self.close_connection = True
            return
        path = unquote(urlsplit(self.path).path)
        if found := _RESOLVE.fullmatch(path):
            self._send_file(found["model"], found["file"])
        elif found := _API.fullmatch(path):
            self._send_listing(found["model"], found["kind"], found["revision"])
        else:
            self._send(404 if path != "/" else 200, b"")

    def _send_listing(self, model: str, kind: str | None, revision: str | None) -> None:
        if self.hub.refuses_listings > 0:
            self.hub.refuses_listings -= 1
            self._send(503, b"", {"Retry-After": self.hub.retry_after})
        elif model not in self.hub.models:
            self._send(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif revision not in (None, "main", _COMMIT):
            self._send(404, b'{"error": "Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
        elif kind == "tree":
            entries = [self._entry(name, content, "path", "oid", "oid") for name, content in self._files(model)]
            self._send(200, json.dumps([{"type": "file"} | entry for entry in entries]).encode())
        else:
            entries = [
                self._entry(name, content, "rfilename", "blobId", "sha256") for name, content in self._files(model)
            ]
            self._send(200, json.dumps({"id": model, "sha": _COMMIT, "siblings": entries}).encode())

    def _files(self, model: str) -> list[tuple[str, bytes]]:
        return sorted(self.hub.models[model].items())

    def _entry(self, name: str, content: bytes, name_key: str, blob_key: str, digest_key: str) -> dict[str, Any]:
        entry: dict[str, Any] = {name_key: name, "size": len(content), blob_key: hashlib.sha1(content).hexdigest()}
        if is_large(name):
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {digest_key: digest, "size": len(content), "pointerSize": 100}
        return entry

    def _send_file(self, model: str, name: str) -> None:
        if model in self.hub.gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            return
        content = self.hub.models[model][name]
        digest = hashlib.sha256 if is_large(name) else hashlib.sha1
        headers = {"ETag": f'"{digest(content).hexdigest()}"', "X-Repo-Commit": _COMMIT}
        wanted = self.headers.get("Range", "")
        if self.command == "GET" and is_large(name):
            self.hub.ranges.append(wanted)
            self.hub.fetched.append(name)
            if self.hub.refuses_weights:
                self._send(self.hub.refuses_weights, b"", {"Retry-After": self.hub.retry_after})
                return
        begin = 0 if self.hub.ignores_ranges else int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
        if self.hub.damaged and is_large(name):
            content = bytes(len(content))
        status = 206 if wanted and not self.hub.ignores_ranges else 200
        if status == 206:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._send(status, content[begin:], headers, stalls=is_large(name))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, stalls: bool = False) -> None:
        self.send_response(status)
        for header in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(*header)
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = self.hub.stall_after
        if stalls and limit is not None and limit < len(body):
            self.wfile.write(body[:limit])
            self.wfile.flush()
            self.hub.stalled.set()
            self.hub.released.wait(60)
            self.close_connection = True
            return
        self.wfile.write(body)
