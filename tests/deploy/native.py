"""Services of a compose file, run on this machine without Docker.

What a container would give is given otherwise: its entrypoint (read from the Dockerfile), its paths (folders of the
test), its names and ports (free ports on loopback). Everything else is the file's.
"""

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from tests.support.servers import free_port

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
_NGINX = """\
user {user};
pid {folder}/nginx.pid;
events {{}}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream replicas {{ {servers} }}
  include {folder}/default.conf;
}}
"""


def config(file: str, *profiles: str, **variables: str) -> dict[str, Any]:
    """The compose file, as docker compose resolves it."""
    resolved: dict[str, Any] = json.loads(_resolved(file, profiles, tuple(sorted(variables.items()))))
    return resolved


@cache
def _resolved(file: str, profiles: tuple[str, ...], variables: tuple[tuple[str, str], ...]) -> str:
    command: list[str | Path] = [BIN / "docker-compose", "--file", DEPLOY / file]
    for profile in profiles:
        command += ["--profile", profile]
    environment = {"PATH": os.environ["PATH"]} | dict(variables)
    run = subprocess.run([*command, "config", "--format", "json"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout


def entrypoint(target: str) -> list[str]:
    """The entrypoint of a target of the service's Dockerfile."""
    text = (ROOT / "docker/service.Dockerfile").read_text()
    stage = text.partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    found = re.search(r"^ENTRYPOINT (\[.*\])$", stage, re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    return command


@dataclass
class Native:
    """One service that runs here; programs in its folder's `bin` stand for those that only its image has."""

    name: str
    spec: dict[str, Any]
    entry: list[str]
    renamed: Mapping[str, str]
    folder: Path
    process: psutil.Popen | None = None

    def start(self, *more: str) -> None:
        """Start its command; `more` are arguments that stand for what a container's network or image gives."""
        environment = {"PATH": os.pathsep.join([str(self.folder / "bin"), str(BIN), os.environ["PATH"]])}
        given = (self.spec.get("environment") or {}).items()
        environment |= {name: self._here(str(value)) for name, value in given if value is not None}
        command = [self._here(part) for part in [*self.entry, *(self.spec.get("command") or [])]] + list(more)
        with self.log.open("ab") as log:
            self.process = psutil.Popen(command, stdout=log, stderr=log, env=environment, cwd=self.folder)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def healthy(self) -> bool:
        """Its own health check, once."""
        kind, *command = self.spec["healthcheck"]["test"]
        assert kind == "CMD"
        environment = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        try:
            check = subprocess.run(
                [self._here(part) for part in command], capture_output=True, env=environment, timeout=5
            )
        except subprocess.TimeoutExpired:
            return False
        return check.returncode == 0

    def await_health(self, seconds: float = 150) -> None:
        until = time.monotonic() + seconds
        while not self.healthy():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < until, self.log.read_text()[-3000:]
            time.sleep(0.25)

    def stop(self) -> int:
        """What docker stop does: SIGTERM, the file's grace period, then SIGKILL. Returns the exit code."""
        assert self.process is not None
        grace = self.spec.get("stop_grace_period", "10s")
        seconds = sum(int(n) * {"m": 60, "s": 1}[unit] for n, unit in re.findall(r"(\d+)([ms])", grace))
        self.process.terminate()
        return int(self.process.wait(timeout=seconds))

    def kill(self) -> None:
        """End it and all that it started, however it is."""
        if self.process is None:
            return
        try:
            family = [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()

    def _here(self, part: str) -> str:
        for there, here in self.renamed.items():
            part = part.replace(there, here)
        return part.replace("$$", "$")  # as compose writes a dollar


def nginx(folder: Path, port: int, replicas: Iterable[int], *, below: str = "", watched: int = 0) -> list[str]:
    """The shipped configuration with addresses instead of Docker's names, and the command of nginx's image.

    Args:
        folder: folder for the files.
        port: port of the door.
        replicas: ports of the services.
        below: path of the door's host below which it serves too, such as `/math`.
        watched: port for Prometheus. Default: a free one.
    """
    door = (DEPLOY / "nginx/default.conf").read_text()
    changes = {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "    resolver 127.0.0.11 valid=5s;\n": "",
        "http://service:8000": "http://replicas",
        "access_log /dev/stdout": f"access_log {folder}/access.log",
        "listen 8081": f"listen 127.0.0.1:{watched or free_port()}",
    }
    for there, here in (changes | ({"    #rewrite": "    rewrite", "/math": below} if below else {})).items():
        assert there in door
        door = door.replace(there, here)
    (folder / "default.conf").write_text(door)
    servers = " ".join(f"server 127.0.0.1:{replica};" for replica in replicas)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, servers=servers, user=getpass.getuser()))
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]


@contextmanager
def door(folder: Path, *replicas: int, below: str = "") -> Iterator[str]:
    """URL of a running nginx in front of replicas. The arguments are those of `nginx`."""
    port = free_port()
    environment = {"PATH": os.pathsep.join([str(BIN), os.environ["PATH"], "/usr/sbin"])}
    command = nginx(folder, port, replicas, below=below)
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def prometheus_files(target: Path, jobs: Mapping[str, list[str]], metrics_key: Path) -> None:
    """The configuration of compose.scale.yaml with these targets, scraped every second, alerts at once."""
    import yaml

    shutil.copytree(DEPLOY / "prometheus", target)
    settings = yaml.safe_load((target / "prometheus.scale.yml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in settings["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        if "authorization" in job:
            job["authorization"] = {"credentials_file": str(metrics_key)}
        job["static_configs"] = [{"targets": jobs.get(job["job_name"], [])}]
    (target / "prometheus.yml").write_text(yaml.safe_dump(settings))
    # A number of replicas is steady at once, too.
    for alerts in (target / "rules/alerts.yaml", target / "rules/replicas.yaml"):
        text = re.sub(r"(\bmin_over_time\([\w:]+)\[\w+\]", r"\1[3s]", alerts.read_text())
        alerts.write_text(re.sub(r"^( +for:) \w+$", r"\1 1s", text, flags=re.MULTILINE))
