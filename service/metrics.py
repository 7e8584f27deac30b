"""What Prometheus is told. Labels are enums; no problem text, key or request id is ever one."""

from dataclasses import asdict

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from service import __version__
from service.sandbox.base import Execution
from service.sandbox.lock import LockState
from service.solution import Solution

_SOLVE_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 120)
_SANDBOX_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10)


class Metrics:
    """The service's own metrics, in one registry. The engine adds its `vllm:` metrics to the default one."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry
        self.inflight = Gauge("solve_inflight", "Problems being solved.", registry=registry)
        self._duration = Histogram(
            "solve_duration_seconds",
            "From admission to solution.",
            ["outcome"],
            buckets=_SOLVE_BUCKETS,
            registry=registry,
        )
        self._paths = Counter("solve_paths", "Paths by what became of them.", ["kind", "result"], registry=registry)
        self._tokens = Counter(
            "solve_completion_tokens", "Sampled tokens, those of aborted paths too.", ["kind"], registry=registry
        )
        self._repaired = Counter("solve_repaired_paths", "Paths whose arithmetic was repaired.", registry=registry)
        self._runs = Counter("solve_sandbox_runs", "Programs by how they ended.", ["outcome"], registry=registry)
        self._run_duration = Histogram(
            "solve_sandbox_duration_seconds", "A program's run.", buckets=_SANDBOX_BUCKETS, registry=registry
        )
        self._lock = Gauge(
            "solve_sandbox_lock",
            "Whether a layer of the sandbox's kernel lock is on; for Landlock, its ABI.",
            ["layer"],
            registry=registry,
        )
        build = Gauge("solve_build_info", "Always 1; the version is the label.", ["version"], registry=registry)
        build.labels(__version__).set(1)

    def observe_lock(self, lock: LockState) -> None:
        """Tell which layers hold the programs."""
        for layer, state in asdict(lock).items():
            self._lock.labels(layer).set(state)

    def observe_solution(self, solution: Solution) -> None:
        """Count one solved problem and its paths."""
        self._duration.labels(solution.status.value).observe(solution.timing.total_s)
        for path in solution.paths:
            self._paths.labels(path.kind.value, path.outcome.value).inc()
            self._tokens.labels(path.kind.value).inc(path.completion_tokens)
            self._repaired.inc(path.repaired)

    def observe_failure(self, seconds: float) -> None:
        """Count one problem that ended with an error of ours after so many seconds."""
        self._duration.labels("error").observe(seconds)

    def observe_execution(self, execution: Execution) -> None:
        """Count one program's run."""
        self._runs.labels(execution.outcome.value).inc()
        self._run_duration.observe(execution.seconds)
