"""Images of the tests: those of this repository, and those of others."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.containers.engine import Docker, NoEngineError
from tests.containers.packages import PackagesError, base_archive, engine_root
from tests.containers.project import PUBLISH, ROOT, Project
from tests.containers.steps import step

PREFIX = "twinpath-tests"
"""Repository of all images that the tests make."""
_FOLDER = Path(__file__).parent / "standins"
_BASE = f"{PREFIX}/python"
_TAG = "tests"


@dataclass(frozen=True)
class Images:
    """Images of the compose files.

    Args:
        slim: image of the service without an engine.
        others: images that this repository does not build, by their services.
        variables: variables with which Compose uses the built images.
        build_variables: variables with which Compose builds.
    """

    slim: str
    others: Mapping[str, str]
    variables: Mapping[str, str]
    build_variables: Mapping[str, str]


def built(docker: Docker, deploy: Path) -> Images:
    """Images of compose.scale.yaml but its workers, built by Compose from a clone.

    Raises:
        NoEngineError: an image is in no registry, and no stand-in can be made.
    """
    variables = {"IMAGE_REPOSITORY": PREFIX, "IMAGE_TAG": _TAG, "PUBLISH": PUBLISH, "TWINPATH_MODEL": "/models/model"}
    services = Project(docker, "build", deploy, ["compose.scale.yaml"], None, variables).config()
    others = {
        name: image_of_others(docker, name, services[name]["image"]) for name in ("prometheus", "grafana", "door")
    }
    python = image_of_others(docker, "python", _python())
    build_variables = {**variables, **_mirrors(deploy), "PYTHON": python}
    build = Project(docker, "build", deploy, ["compose.scale.yaml"], None, build_variables)
    for service in ("service", "router"):
        with step(f"build {services[service]['image']}"):
            build("build", "--quiet", service)
    return Images(services["service"]["image"], others, variables, build_variables)


def built_cpu(docker: Docker, deploy: Path, images: Images) -> str:
    """Image of the service with vLLM for CPUs, built by Compose."""
    wheels = ["compose.wheels.yaml"] if "WHEELS_DIR" in images.build_variables else []
    build = Project(docker, "build", deploy, ["compose.yaml", *wheels], "cpu", images.build_variables)
    image = str(build.config()["service-cpu"]["image"])
    with step(f"build {image}"):
        build("build", "--quiet", "service-cpu", timeout_s=3000)
    return image


def worker_image(docker: Docker, service: str, vllm: str) -> str:
    """Image with `vllm serve`, made of an image of the service.

    Args:
        docker: the engine.
        service: image of the service.
        vllm: program of `standins/` that is `vllm`.
    """
    options = ["--build-arg", f"SERVICE={service}", "--build-arg", f"VLLM={vllm}"]
    return _build(docker, "worker", *options, "--build-context", f"support={ROOT / 'tests/support'}")


def image_of_others(docker: Docker, name: str, image: str) -> str:
    """The image if the engine or a registry has it, else a stand-in.

    Args:
        docker: the engine.
        name: name of the stand-in's Dockerfile in `standins/`. The name `python` has none.
        image: name of the image.

    Raises:
        NoEngineError: no stand-in can be made.
    """
    with step(f"find {image}"):
        if any(docker.run(*command, image).returncode == 0 for command in (("image", "inspect"), ("pull", "-q"))):
            return image
    try:
        return _base(docker) if name == "python" else _stand_in(docker, name)
    except PackagesError as error:
        raise NoEngineError(str(error)) from None


def _stand_in(docker: Docker, name: str) -> str:
    base, programs = _base(docker), engine_root() / "usr/bin"
    with step(f"make a stand-in for {name}"):
        return _build(docker, name, "--build-arg", f"BASE={base}", "--build-context", f"programs={programs}")


def _base(docker: Docker) -> str:
    if docker.run("image", "inspect", _BASE).returncode:
        with step("bootstrap Debian for the stand-ins"):
            archive = base_archive()
        with step("import it"):
            docker("import", "--change", 'CMD ["python3"]', archive, _BASE)
    return _BASE


def _build(docker: Docker, name: str, *options: object) -> str:
    """Name of the new image of `standins/NAME.Dockerfile`."""
    image = f"{PREFIX}/{name}"
    docker("build", "-q", "-t", image, "-f", _FOLDER / f"{name}.Dockerfile", *options, _FOLDER)
    return image


def _python() -> str:
    found = re.search(r"^ARG PYTHON=(\S+)$", (ROOT / "docker/service.Dockerfile").read_text(), re.MULTILINE)
    assert found
    return found[1]


def _mirrors(deploy: Path) -> dict[str, str]:
    """Variables of the compose files for a build behind this machine's package index, CA and wheels."""
    variables = {name: os.environ[name] for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX") if name in os.environ}
    if authorities := os.environ.get("SSL_CERT_FILE"):
        # Compose lets a build read only below its contexts.
        variables["CA_FILE"] = str(shutil.copy(Path(authorities), deploy / "ca.crt"))
    wheels = os.environ.get("PIP_FIND_LINKS", "")
    if any(Path(wheels).glob("torch-*+cpu-*.whl")):
        variables["WHEELS_DIR"] = wheels
    return variables
