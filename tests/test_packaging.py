"""Files of the wheel and of the images."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
    "wheel"
]["packages"]
RUN_TIME = (
    "service/api_docs/*",
    "service/bundled/*",
    "service/engine/demo.jsonl",
    "service/evaluation/html/style.css",
    "service/page/*",
    "service/paths/prompts/*.toml",
    "service/sandbox/THREATS.md",
    "training/recipes/*.toml",
    "training/report/style.css",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_code_and_what_it_reads(package: str) -> None:
    files = [path.relative_to(ROOT) for path in (ROOT / package).rglob("*") if path.is_file()]
    other = {str(path) for path in files if path.suffix not in (".py", ".pyc")}
    assert {name for name in other if not any(fnmatch(name, pattern) for pattern in RUN_TIME)} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_images_get_every_package(package: str) -> None:
    assert f"!{package}" in (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("service", "training"):
        dockerfile = (ROOT / f"docker/{name}.Dockerfile").read_text()
        assert re.search(rf"^COPY (\S+ )*{package}( |$)", dockerfile, re.MULTILINE), name


def test_every_package_of_the_repository_is_in_the_wheel() -> None:
    inside = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert inside - set(PACKAGES) == {"benchmarks", "deploy", "dev", "tests"}
