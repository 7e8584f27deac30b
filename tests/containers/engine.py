"""Container engine: the machine's, or one in namespaces of its own.

The engine of the tests has its own network, mounts and processes. The machine's firewall, routes and bridges stay as
they are, and all containers end with the first process.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.process import die_with_parent
from tests.containers.packages import CACHE, PackagesError, engine_root, install_programs
from tests.containers.steps import step

_START_S = 30
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
# tini reaps the processes that lose their parents. The name server is that of slirp4netns.
_FIRST_PROCESS = """\
ip link set lo up
mount --bind "$0/resolv.conf" /etc/resolv.conf
exec tini -- dockerd --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/pid" --host "$DOCKER_HOST" \\
  --init-path "$(command -v tini-static)" --userland-proxy-path "$(command -v docker-proxy)"
"""


class NoEngineError(Exception):
    """There is no container engine, and none can be installed."""


@dataclass(frozen=True)
class Docker:
    """The command `docker`, with Compose and buildx.

    Args:
        environment: environment of the command.
    """

    environment: Mapping[str, str]

    def run(self, *command: object, timeout_s: float = 600, **variables: str) -> subprocess.CompletedProcess[str]:
        """Finished command, whatever its exit code."""
        return subprocess.run(
            ["docker", *map(str, command)],
            capture_output=True,
            text=True,
            env={**self.environment, **variables},
            timeout=timeout_s,
        )

    def __call__(self, *command: object, timeout_s: float = 600, **variables: str) -> str:
        """Output of a command that must succeed."""
        done = self.run(*command, timeout_s=timeout_s, **variables)
        assert done.returncode == 0, f"docker {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
        return done.stdout

    def usable(self) -> bool:
        """Whether a server answers, and both plugins are there."""
        if not shutil.which("docker", path=self.environment["PATH"]):
            return False
        commands = (("version",), ("compose", "version"), ("buildx", "version"))
        return all(self.run(*command).returncode == 0 for command in commands)


@contextmanager
def engine() -> Iterator[Docker]:
    """The machine's engine, or a new one that ends with the context.

    Raises:
        NoEngineError: no engine can be installed here.
    """
    names = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT")
    there = Docker({name: os.environ[name] for name in names if name in os.environ})
    if there.usable():
        yield there
        return
    if os.geteuid() or not shutil.which("apt-get") or not Path("/dev/net/tun").exists():
        raise NoEngineError("a new engine needs root, Debian's apt and /dev/net/tun")
    try:
        with step("install the engine's programs"):
            install_programs()
        with step("unpack Docker and Prometheus"):
            root = engine_root()
    except PackagesError as error:
        raise NoEngineError(str(error)) from None
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(dir=CACHE, prefix=f"run-{os.getpid()}-"))
    try:
        with _started(root, folder) as docker:
            yield docker
    finally:
        with step("remove the engine's data"):
            shutil.rmtree(folder)


def remove_leftovers() -> None:
    """Remove the data of runs that were killed. Their engines ended with them."""
    for folder in CACHE.glob("run-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(root: Path, folder: Path) -> Iterator[Docker]:
    folders = [root / name for name in ("usr/bin", "usr/sbin", "usr/libexec/docker")]
    environment = {
        "PATH": os.pathsep.join([*map(str, folders), "/usr/sbin", os.environ["PATH"]]),
        "HOME": str(folder),
        "DOCKER_HOST": f"unix://{folder}/docker.sock",
        "DOCKER_CONFIG": str(folder / "config"),
    }
    (folder / "config").mkdir()
    plugins = shutil.copytree(root / "usr/libexec/docker/cli-plugins", folder / "config/cli-plugins")
    shutil.copy(Path(sys.executable).parent / "docker-compose", plugins / "docker-compose")
    (folder / "resolv.conf").write_text("nameserver 10.0.2.3\n")
    log = folder / "dockerd.log"
    command = ["unshare", "--net", "--mount", "--pid", "--mount-proc", "--kill-child", "sh", "-ec", _FIRST_PROCESS]
    with ExitStack() as stack, step("start the engine"):
        with log.open("wb") as written:
            engine = psutil.Popen(
                [*command, str(folder)], env=environment, stdout=written, stderr=written, preexec_fn=die_with_parent
            )
        stack.callback(_end, engine)
        docker = Docker(environment)
        try:
            first = _first_process(engine)
            stack.enter_context(_outside(first))
            stack.enter_context(_inside(first))
            _await(docker, engine)
        except (TimeoutError, OSError) as error:
            raise NoEngineError(f"{error}\n{log.read_text()[-3000:]}") from None
        ended = stack.pop_all()
    with ended:
        yield docker


def _first_process(engine: psutil.Popen) -> psutil.Process:
    until = time.monotonic() + _START_S
    while not (children := engine.children()):
        if engine.poll() is not None or time.monotonic() > until:
            raise OSError("The namespaces cannot be made.")
        time.sleep(0.01)
    return children[0]


@contextmanager
def _outside(first: psutil.Process) -> Iterator[None]:
    """Connect the engine's network to the outside, by a process without rules in the machine's firewall."""
    command = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", str(first.pid), "tap0"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent
    ) as outside:
        try:
            yield
        finally:
            outside.kill()


@contextmanager
def _inside(first: psutil.Process) -> Iterator[None]:
    """Put this thread, and those that it starts, into the engine's network: it has the published ports."""
    with Path("/proc/thread-self/ns/net").open() as before, Path(f"/proc/{first.pid}/ns/net").open() as within:
        _enter(within.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(network: int) -> None:
    if _libc.setns(network, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "The engine's network cannot be entered.")


def _await(docker: Docker, engine: psutil.Popen) -> None:
    until = time.monotonic() + _START_S
    while not docker.usable():
        if engine.poll() is not None or time.monotonic() > until:
            raise TimeoutError("dockerd does not answer.")
        time.sleep(0.2)


def _end(engine: psutil.Popen) -> None:
    """Kill the first process: the kernel then ends all others of its namespace, and unmounts."""
    family = engine.children(recursive=True)
    engine.kill()
    engine.wait()
    with suppress(psutil.NoSuchProcess):
        psutil.wait_procs(family, timeout=20)
