"""Debian packages of the engine and of the stand-in images.

The programs of the engine come from a newer Debian than that of most machines, unpacked into the cache. Debian's own
mirror in the machine's list of sources is the only source.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "twinpath-containers"
_PROGRAMS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "runc": "runc",
    "slirp4netns": "slirp4netns",
    "tini-static": "tini",
}
"""Programs of the engine and of the base image, and the packages that hold them."""
_NEWER_SUITE = "forky"  # Debian 12 has Docker 20.10, without buildx and `start_interval`, and Prometheus 2
_NEWER = ("containerd", "docker-buildx", "docker-cli", "docker.io", "prometheus", "promtool")
_BASE_SUITE = "bookworm"
_BASE = ("ca-certificates", "nginx-light", "python3", "python3-pip", "python3-venv", "wget")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
# Without this file, pip installs into Debian's Python, as into the Python of the official image.
_MEND_BASE = 'rm "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED; ln -s /usr/bin/python3 "$1/usr/local/bin/python"'


class PackagesError(Exception):
    """The packages cannot be had on this machine."""


def install_programs() -> None:
    """Install the missing programs.

    Raises:
        PackagesError: apt fails, or this user may not install packages.
    """
    missing = sorted({package for program, package in _PROGRAMS.items() if not shutil.which(program)})
    if not missing:
        return
    if os.geteuid():
        raise PackagesError("only root can install the engine")
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", *missing)


def engine_root() -> Path:
    """Directory with the programs of the engine and of Prometheus, as Debian's packages lay them out.

    Raises:
        PackagesError: apt fails.
    """
    return cached(f"engine {_NEWER_SUITE} {_NEWER}", _unpack_newer)


def base_archive() -> Path:
    """Archive of a root file system: Debian with Python, nginx and wget.

    Raises:
        PackagesError: mmdebstrap fails.
    """
    return cached(f"base {_BASE_SUITE} {_BASE} {_LEFT_OUT} {_MEND_BASE}", _bootstrap)


def cached(recipe: str, make: Callable[[Path], None]) -> Path:
    """File or directory that `make` wrote once. A changed recipe makes another one."""
    target = CACHE / f"{recipe.partition(' ')[0]}-{sha256(recipe.encode()).hexdigest()[:16]}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            unfinished = Path(folder) / "unfinished"
            make(unfinished)
            unfinished.rename(target)
    return target


def run(*command: object, cwd: Path | None = None) -> str:
    """Output of a command.

    Raises:
        PackagesError: the command is missing or fails.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=environment, check=True
        )
    except FileNotFoundError:
        raise PackagesError(f"{command[0]} is missing") from None
    except subprocess.CalledProcessError as error:
        raise PackagesError(f"{command[0]} failed: {error.stderr.strip()[-2000:]}") from None
    return done.stdout


def _unpack_newer(target: Path) -> None:
    work = target.parent
    for name in ("lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True)
    (work / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {_NEWER_SUITE} main\n")
    options = [
        f"Dir::Etc::SourceList={work}/sources.list",
        "Dir::Etc::SourceParts=-",
        f"Dir::State::Lists={work}/lists",
    ]
    options += [f"Dir::Cache={work}/cache", "APT::Sandbox::User=root", "Debug::NoLocking=1"]
    options += ["Acquire::Check-Valid-Until=false", "Acquire::Languages=none"]  # a mirror may lag behind
    apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
    run(*apt, "update")
    run(*apt, "download", *_NEWER, cwd=work / "debs")
    for package in sorted((work / "debs").glob("*.deb")):
        run("dpkg-deb", "-x", package, target)


def _bootstrap(target: Path) -> None:
    command: list[object] = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(_BASE)}"]
    command += ["--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={place}" for place in _LEFT_OUT)]
    command += [f"--customize-hook={_MEND_BASE}", "--format=tar", _BASE_SUITE, target, _mirror()]
    run(*command)


def _mirror() -> str:
    known = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian")
    listed = run(*known).split()
    if not listed:
        run("apt-get", "-qq", "update")  # apt lists only what it has fetched
        listed = run(*known).split()
    if not listed:
        raise PackagesError("apt has no source of Debian")
    return listed[0]
