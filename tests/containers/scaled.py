"""Project of compose.scale.yaml with workers that need no GPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.containers.engine import Docker
from tests.containers.images import Images, worker_image
from tests.containers.load import PATIENT, Load
from tests.containers.monitor import Monitor
from tests.containers.project import PUBLISH, Project
from tests.containers.steps import step

DOOR = f"http://{PUBLISH}:8000"
PROMETHEUS = Monitor(f"http://{PUBLISH}:9090")
ALL_UP = {"twinpath": [1, 1], "twinpath-door": [1], "twinpath-router": [1], "twinpath-worker": [1, 1]}
_WORKERS = ("worker-0", "worker-1")


@dataclass(frozen=True)
class Scaled:
    """Running project, and the load for its door."""

    project: Project
    load: Load


@contextmanager
def scaled_out(
    docker: Docker, images: Images, deploy: Path, worker: tuple[str, str], model: Path, each: int
) -> Iterator[Scaled]:
    """Two workers, the router, two replicas and the rest of compose.scale.yaml.

    Args:
        docker: the engine.
        images: images of the other services.
        deploy: directory `deploy` of a clone.
        worker: image of the service, and the program that is its `vllm`.
        model: directory of the model.
        each: number of paths of each kind in the load.
    """
    with step("make the worker"):
        image = worker_image(docker, *worker)
    variables = {**images.variables, "MODELS_DIR": str(model.parent), "TWINPATH_MODEL": f"/models/{model.name}"}
    project = Project(docker, "scaled", deploy, ["compose.scale.yaml"], None, variables)
    project.use({**images.others} | dict.fromkeys(_WORKERS, image), without_gpus=_WORKERS)
    project.set(PATIENT)
    with project.running() as key:
        yield Scaled(project, Load(DOOR, key, each))


def lose_parts(project: Project, first: int, second: int) -> dict[int, Callable[[], object]]:
    """Losses before a problem of that number: a killed worker, and a stopped replica."""
    return {first: lambda: project("kill", "worker-1"), second: lambda: project.stop_one("service")}
