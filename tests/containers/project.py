"""Copy of the repository, as a user clones it, and the projects of its compose files."""

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.containers.engine import Docker
from tests.containers.steps import step

ROOT = Path(__file__).parents[2]
PUBLISH = "127.0.0.13"
"""Loopback address of the published ports, so that they are free on a machine that serves Twinpath."""
OVERRIDE = "tests.yaml"
_PARTS = ("deploy", "docker", "requirements", "service", "training", "twinpath")
_FILES = (".dockerignore", "LICENSE", "README.md", "pyproject.toml", "uv.lock")
_Result = TypeVar("_Result")


def clone(target: Path, *, umask: int) -> Path:
    """Copy of the files that images and compose files need, with the modes of a clone and without secrets."""
    for part in _PARTS:
        shutil.copytree(ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    for file in _FILES:
        shutil.copy(ROOT / file, target / file)
    for secret in (target / "deploy/secrets").iterdir():
        if secret.name != ".gitignore":
            secret.unlink()
    for path in (target, *target.rglob("*")):
        path.chmod((0o777 if path.is_dir() or os.access(path, os.X_OK) else 0o666) & ~umask)
    return target


@dataclass(frozen=True)
class Project:
    """Project of a compose file in a clone.

    Args:
        docker: the engine.
        name: name of the project.
        deploy: directory of the compose file.
        files: names of the compose files.
        profile: profile of the file, if it has any.
        variables: variables of the compose file.
    """

    docker: Docker
    name: str
    deploy: Path
    files: Sequence[str]
    profile: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def use(self, images: Mapping[str, str], *, without_gpus: Sequence[str] = ()) -> None:
        """Give services other images, and take the GPUs from some, by a second compose file."""
        lines = ["services:"]
        for service, image in images.items():
            lines += [f"  {service}:", f"    image: {image}"]
            if service in without_gpus:
                lines += ["    deploy: !reset null"]
        (self.deploy / OVERRIDE).write_text("\n".join(lines))

    def __call__(self, *command: object, timeout_s: float = 600) -> str:
        """Output of `docker compose COMMAND`, which must succeed. A failure shows the containers' logs."""
        done = self.docker.run(*self._compose(), *command, timeout_s=timeout_s, **self.variables)
        if done.returncode:
            logs = self.docker.run(*self._compose(), "logs", "--no-color", "--tail", "30").stdout
            raise AssertionError(f"compose {' '.join(map(str, command))}\n{done.stdout}{done.stderr}\n{logs[-6000:]}")
        return done.stdout

    def set(self, settings: Mapping[str, str]) -> None:
        """Copy `.env.example` to `.env`, with these settings."""
        lines = [(self.deploy / ".env.example").read_text(), *(f"{name}={value}" for name, value in settings.items())]
        (self.deploy / ".env").write_text("\n".join(lines))

    @contextmanager
    def running(self) -> Iterator[str]:
        """API key of the running services, which `setup` created."""
        try:
            with step(f"{self.name}: create the secrets"):
                (key,) = re.findall(r"\btp_\S+", self("run", "--rm", "setup"))
            with step(f"{self.name}: compose up"):
                self("up", "--detach", "--wait", timeout_s=1200)
            yield key
        except Exception:
            print(self.docker.run(*self._compose(), "logs", "--no-color", "--tail", "50").stdout)
            raise
        finally:
            with step(f"{self.name}: compose down"):
                self("down", "--volumes", "--timeout", "5", "--remove-orphans")

    def config(self) -> dict[str, Any]:
        """Resolved services by their names."""
        resolved: dict[str, dict[str, Any]] = json.loads(self("config", "--format", "json"))
        return resolved["services"]

    def containers(self, service: str) -> list[str]:
        """Ids of the containers of a service, also of stopped ones."""
        return self("ps", "--all", "--quiet", service).split()

    def exit_codes(self) -> dict[str, list[int]]:
        """Exit codes of all containers by their service."""
        codes: dict[str, list[int]] = {}
        for line in self("ps", "--all", "--format", "{{.Service}} {{.ExitCode}}").splitlines():
            service, code = line.split()
            codes.setdefault(service, []).append(int(code))
        return codes

    def stop_one(self, service: str) -> None:
        """Stop one container of a service, with the grace period of the file."""
        self.docker("stop", self.containers(service)[0])

    def _compose(self) -> list[object]:
        names = [*self.files, *([OVERRIDE] if (self.deploy / OVERRIDE).exists() else [])]
        files = [part for name in names for part in ("-f", self.deploy / name)]
        return [
            "compose",
            "-p",
            f"twinpath-tests-{self.name}",
            *files,
            *(["--profile", self.profile] if self.profile else []),
        ]


def wait_for(event: str, check: Callable[[], _Result], seconds: float = 30) -> _Result:
    """First result of `check` that is true."""
    until = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < until, f"no {event} within {seconds:.0f} s"
        time.sleep(0.3)
    return result
