"""Settings of the server and its limits."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from service.setting_groups.values import Host, Origins, PrefixPath, SettingsGroup


class ServerSettings(SettingsGroup):
    """Address, API keys and shutdown."""

    title: ClassVar[str] = "Server"

    host: Annotated[Host, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on. 0 picks a free port.")] = 8000
    api_keys_file: Annotated[
        Path | None,
        Field(description="TOML file of the API keys that the service accepts. `twinpath keys create` makes keys."),
    ] = None
    allow_anonymous: Annotated[
        bool, Field(description="Listen on any address without API keys. Everyone who reaches it can use it.")
    ] = False
    cors_origins: Annotated[
        Origins,
        Field(
            description="Origins whose pages may use the service from a browser, such as https://example.org. "
            "Separate them by commas. `*` allows all. Default: no origin but the service's own."
        ),
    ] = []  # noqa: RUF012 - Pydantic copies it
    root_path: Annotated[
        PrefixPath,
        Field(description="Prefix of all paths, such as /math, if a proxy does not remove it."),
    ] = ""
    api_docs: Annotated[bool, Field(description="Serve interactive API documents at /docs.")] = True
    shutdown_grace_s: Annotated[
        int, Field(ge=0, description="Seconds that open requests get to finish after SIGTERM.")
    ] = 30
    client_api_key_file: Annotated[
        Path | None, Field(description="File with the API key that a command sends to the service at --url.")
    ] = None


class LimitSettings(SettingsGroup):
    """Limits of queue, connections and bodies."""

    title: ClassVar[str] = "Limits"

    max_queue: Annotated[
        int, Field(ge=0, description="Maximum number of problems that wait for the engine. More get 429.")
    ] = 256
    key_share: Annotated[
        float,
        Field(
            gt=0, le=1, description="Largest fraction of the engine's slots and of the queue that one API key takes."
        ),
    ] = 0.75
    max_connections: Annotated[
        int, Field(ge=1, le=65536, description="Maximum number of open connections. More get 503.")
    ] = 4096
    keep_alive_s: Annotated[
        int,
        Field(
            ge=1,
            le=3600,
            description="Seconds that an idle connection stays open after a response. Choose more than the idle "
            "timeout of the proxy or load balancer.",
        ),
    ] = 75
    max_head_bytes: Annotated[
        int, Field(ge=1024, le=1024**2, description="Maximum size of the head of a request, in bytes. More gets 431.")
    ] = 32 * 1024
    max_headers: Annotated[
        int, Field(ge=16, le=1024, description="Maximum number of header lines of a request. More get 431.")
    ] = 100
    header_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds for the head of a request. Then the connection is closed.")
    ] = 10
    body_timeout_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds for a request body; for a batch, between two parts of it.")
    ] = 30
    write_timeout_s: Annotated[
        float, Field(gt=0, le=3600, description="Seconds in which a client must take a part of a response.")
    ] = 60
    max_body_bytes: Annotated[int, Field(ge=1024, description="Maximum size of a request body, in bytes.")] = 64 * 1024
    max_batch_bytes: Annotated[int, Field(ge=1024, description="Maximum size of the body of a batch, in bytes.")] = (
        256 * 1024**2
    )
    max_batch_disk_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Maximum size of the bodies of all batches on disk, in bytes. Then the largest one that still "
            "arrives, of the API key with most bytes, gets 429 or is cut.",
        ),
    ] = 512 * 1024**2
    max_batch_rows: Annotated[int, Field(ge=1, description="Maximum number of rows of a batch.")] = 100_000
    max_batch_errors: Annotated[int, Field(ge=1, description="Maximum number of invalid rows of a batch.")] = 10_000
    batch_timeout_s: Annotated[
        float,
        Field(gt=0, le=3600, description="Seconds for the body of a batch. In a chunked body, seconds for each row."),
    ] = 300
    batch_concurrency: Annotated[
        int, Field(ge=1, le=4096, description="Problems of one batch that are solved at the same time.")
    ] = 16
    max_problem_chars: Annotated[int, Field(ge=1, description="Maximum length of a problem, in characters.")] = 4000
