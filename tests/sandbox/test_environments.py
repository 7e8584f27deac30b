"""The attack corpus under other interpreters and in unprivileged containers."""

import json
import os
import platform
from typing import Any

import pytest

from tests.sandbox import interpreters
from tests.sandbox.attacks.run import CORPUS

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can set the capabilities of a container")
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the profile has the numbers of x86_64")


pytestmark = pytest.mark.slow

CORE = ["sockets", "processes"]
"""Classes without the marker `soak`. The soak tests run all classes."""

ALL = pytest.param(list(CORPUS), marks=pytest.mark.soak)
by_classes = pytest.mark.parametrize("groups", [CORE, ALL], ids=["core", "all"])


@by_classes
@pytest.mark.parametrize("version", [pytest.param("3.11", marks=pytest.mark.soak), "3.12", "3.13"])
def test_corpus_holds_on_every_supported_python(version: str, groups: list[str]) -> None:
    interpreter = interpreters.find(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} here")
    result = interpreters.run_module(interpreter, "tests.sandbox.attacks.run", *groups)
    count = sum(len(CORPUS[group]) for group in groups)
    assert result.stdout + result.stderr == f"{count} attacks, twice: all held\n"


@needs_root
@needs_x86
@by_classes
@pytest.mark.parametrize(
    ("variant", "unprivileged"),
    [pytest.param("docker-root", True, marks=pytest.mark.soak), ("no-capabilities", False), ("user", True)],
)
def test_corpus_holds_in_an_ordinary_container(variant: str, unprivileged: bool, groups: list[str]) -> None:
    report = _enter(variant, *groups)
    assert report["failures"] == []
    assert report["lock"].pop("landlock") >= 0  # depends on the kernel
    assert report["lock"] == {
        "seccomp": True,
        "network_namespace": False,  # Docker's profile refuses unshare
        "unprivileged": unprivileged,
        "rlimits": True,
    }


@needs_root
@needs_x86
def test_corpus_holds_for_an_ordinary_user() -> None:
    report = _enter("bare-user", *CORE)
    assert report["failures"] == []
    assert report["lock"].pop("landlock") >= 0  # depends on the kernel, as the next one
    assert report["lock"].pop("network_namespace") in (True, False)
    assert report["lock"] == {"seccomp": True, "unprivileged": True, "rlimits": True}


@needs_root
@needs_x86
def test_without_seccomp_the_pool_refuses_to_start_by_default() -> None:
    report = _enter("no-seccomp")
    assert report["refused"].startswith("seccomp is not available on this kernel")
    assert report["lock"]["seccomp"] is False
    assert report["answer"] == 42


def _enter(variant: str, *groups: str) -> dict[str, Any]:
    interpreter = interpreters.find_public()
    if interpreter is None:
        pytest.skip("no Python here that every user may run")
    result = interpreters.run_module(interpreter, "tests.sandbox.container", variant, *groups)
    assert result.stderr == ""
    report: dict[str, Any] = json.loads(result.stdout)
    return report
