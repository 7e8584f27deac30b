"""Virtual environments of the peers, with pinned versions, in the cache directory.

This command writes a pin file from its `.in` file:

    cd benchmarks/peers
    uv pip compile --no-config --python-platform x86_64-manylinux_2_28 --python-version 3.11 its-hub.in -o its-hub.txt
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
_UV = Path(sys.executable).parent / "uv"
_WITHOUT_DEPENDENCIES = {"optillm": "optillm==0.4.0"}


def environment(name: str, cache: Path) -> Path:
    """Directory of a peer's environment. Builds it if it does not exist.

    Args:
        name: `its-hub` or `optillm`.
        cache: parent directory of the environments.

    Raises:
        subprocess.CalledProcessError: the build failed.
    """
    pins = HERE / f"{name}.txt"
    alone = _WITHOUT_DEPENDENCIES.get(name)
    digest = hashlib.sha256(pins.read_bytes() + str(alone).encode()).hexdigest()[:12]
    path = cache / f"{name}-{digest}"
    done = path / "complete"
    if not done.is_file():
        shutil.rmtree(path, ignore_errors=True)
        subprocess.run([_UV, "venv", "--quiet", "--python", sys.executable, path], check=True)
        install: list[str | Path] = [_UV, "pip", "install", "--quiet", "--no-config", "--python", path / "bin/python"]
        subprocess.run([*install, "-r", pins], check=True)
        if alone:
            subprocess.run([*install, "--no-deps", alone], check=True)
        done.touch()
    return path


def versions() -> dict[str, str]:
    """Pinned versions of the peers, by name."""
    pinned = [line for name in ("its-hub", "optillm") for line in (HERE / f"{name}.txt").read_text().splitlines()]
    found = dict(line.split("==") for line in [*pinned, *_WITHOUT_DEPENDENCIES.values()] if "==" in line)
    return {name: found[name] for name in ("its-hub", "optillm")}
