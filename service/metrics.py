"""Prometheus metrics of the service.

Labels are enums, worker addresses and names of models, never problem texts, keys or request ids. `python -m
deploy.generate` writes `docs/metrics.md` from this module.
"""

import time
from collections.abc import Callable
from dataclasses import asdict

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from service import __version__
from service.sandbox.base import Execution, LockState, Outcome
from service.solve.grading import Grade
from service.solve.problem import PathResult, Solution
from service.types import GradeBasis, GradeVerdict, PathKind, PathOutcome, Status, TokenLimit

LATENCY_SLO_S = 10.0
"""Latency objective in seconds: 95 % of problems are solved within it."""

# Bucket edges are the thresholds of objectives and alerts, so that a share below a threshold is exact.
_SOLVE_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, LATENCY_SLO_S, 15, 20, 30, 45, 60, 120)
_SANDBOX_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10)
_QUEUE_BUCKETS = (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60)
_RATIO_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
_TOKEN_BUCKETS = tuple(2**power for power in range(6, 16))
_DECISIONS = ("majority", "plurality", "tie", "abstain")
_REASONS = ("queue_full", "rate_limited", "concurrency_limited", "unauthorized", "forbidden")

Exemplar = Callable[[], dict[str, str] | None]
"""Returns the exemplar labels of the current trace, or None outside a recorded trace."""


class Metrics:
    """Metrics of the service in one registry. The engine adds its `vllm:` metrics to the default registry.

    Args:
        registry: registry of the metrics.
        exemplar: links observations to traces (`service/tracing.py`).
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, exemplar: Exemplar = lambda: None) -> None:
        self.registry = registry
        self._exemplar = exemplar
        self._register_problems()
        self._register_paths()
        self._register_sandbox()
        self._register_engine()
        build = self._gauge("twinpath_build_info", "Constant 1, labelled with the version of the service.", "version")
        build.labels(__version__).set(1)

    def _register_problems(self) -> None:
        self.inflight = self._gauge(
            "twinpath_problems_inflight", "Problems in progress, including those that wait in the queue."
        )
        self._queue_depth = self._gauge("twinpath_queue_depth", "Problems that wait in the queue.")
        self._queue_capacity = self._gauge(
            "twinpath_queue_capacity", "Maximum number of problems in the queue. Further requests get status 429."
        )
        self._queue_wait = self._histogram(
            "twinpath_queue_wait_seconds", "Seconds from the request to the first path in the engine.", _QUEUE_BUCKETS
        )
        self._rejected = self._counter("twinpath_rejected", "Refused requests by reason.", "reason")
        for reason in _REASONS:
            self._rejected.labels(reason)
        self._duration = self._histogram(
            "twinpath_solve_duration_seconds",
            "Seconds from the request to the solution. Status `error` is a failure of the service.",
            _SOLVE_BUCKETS,
            "status",
        )
        for status in (*Status, "error"):
            self._duration.labels(str(status))
        self._by_model = self._counter("twinpath_model_problems", "Solved problems by model.", "model")
        self._first_path = self._histogram(
            "twinpath_first_path_seconds", "Seconds from the request to the first path that votes.", _SOLVE_BUCKETS
        )
        self._votes = self._counter(
            "twinpath_votes",
            "Votes by result: the leader has more than half of the votes, the most votes or a tie, "
            "or no answer (no vote, or a confidence below the caller's minimum).",
            "decision",
        )
        for decision in _DECISIONS:
            self._votes.labels(decision)
        self._agreement = self._histogram(
            "twinpath_agreement_ratio", "Share of the votes for the leader, per problem.", _RATIO_BUCKETS
        )
        self._confidence = self._histogram(
            "twinpath_confidence_ratio", "Confidence of the solution, per problem.", _RATIO_BUCKETS
        )

        self._grades = self._counter(
            "twinpath_grades", "Graded responses by verdict and by the source of the answer.", "verdict", "basis"
        )
        for verdict in GradeVerdict:
            for basis in GradeBasis:
                self._grades.labels(verdict.value, basis.value)

    def _register_paths(self) -> None:
        self._paths = self._counter("twinpath_paths", "Paths by kind and outcome.", "kind", "outcome")
        for kind in PathKind:
            for outcome in PathOutcome:
                self._paths.labels(kind.value, outcome.value)
        self._completion_tokens = self._counter(
            "twinpath_completion_tokens", "Sampled tokens, including those of aborted paths.", "kind"
        )
        self._saved_tokens = self._counter(
            "twinpath_saved_tokens",
            "Estimate of the tokens that early decisions saved: the planned paths that did not end, times the mean "
            "length of the paths that ended, minus the tokens that were sampled.",
        )
        for kind in PathKind:
            self._completion_tokens.labels(kind.value)
        self._problem_tokens = self._histogram(
            "twinpath_problem_tokens", "Tokens of all paths of a problem.", _TOKEN_BUCKETS, "type"
        )
        self._repaired = self._counter("twinpath_repaired_paths", "Paths with repaired arithmetic.")
        self._cut_off = self._counter(
            "twinpath_paths_cut_off", "Paths that a token limit cut off before their answer, by the limit.", "limit"
        )
        for limit in TokenLimit:
            self._cut_off.labels(limit.value)
        self._thinking_tokens = self._counter(
            "twinpath_thinking_tokens", "Sampled tokens of thoughts, by their share of the characters.", "kind"
        )
        for kind in PathKind:
            self._thinking_tokens.labels(kind.value)

    def _register_sandbox(self) -> None:
        self._runs = self._counter("twinpath_sandbox_runs", "Program runs by outcome.", "outcome")
        for outcome in Outcome:
            self._runs.labels(outcome.value)
        self._run_duration = self._histogram(
            "twinpath_sandbox_duration_seconds", "Seconds of a program run.", _SANDBOX_BUCKETS
        )
        self._sandbox_running = self._gauge("twinpath_sandbox_running", "Running programs.")
        self._sandbox_queued = self._gauge("twinpath_sandbox_queued", "Programs that wait for a sandbox process.")
        self._sandbox_restarts = self._counter(
            "twinpath_sandbox_restarts", "Restarts of the sandbox after its zygote process died or hung."
        )
        self._lock = self._gauge(
            "twinpath_sandbox_lock",
            "Whether a layer of the kernel lock is active (0 or 1). For Landlock, its ABI version.",
            "layer",
        )

    def _register_engine(self) -> None:
        self._engine_up = self._gauge("twinpath_engine_up", "Whether the engine can sample paths (0 or 1).")
        self._worker_up = self._gauge(
            "twinpath_worker_up", "Whether a worker of the remote engine answers (0 or 1).", "worker"
        )
        self._worker_requests = self._counter(
            "twinpath_worker_requests",
            "Paths sent to a worker of the remote engine, by result (ok, aborted, refused, failed).",
            "worker",
            "result",
        )

    def watch_queue(self, depth: Callable[[], int], capacity: int) -> None:
        """Report the queue.

        Args:
            depth: returns the number of waiting problems. Each scrape calls it.
            capacity: maximum number of waiting problems.
        """
        self._queue_depth.set_function(depth)
        self._queue_capacity.set(capacity)

    def watch_sandbox(self, running: Callable[[], int], queued: Callable[[], int]) -> None:
        """Report the load of the sandbox. Both functions are called at each scrape.

        Args:
            running: returns the number of running programs.
            queued: returns the number of programs that wait for a process.
        """
        self._sandbox_running.set_function(running)
        self._sandbox_queued.set_function(queued)

    def observe_sandbox_restart(self) -> None:
        """Count one restart of the sandbox."""
        self._sandbox_restarts.inc()

    def observe_rejection(self, reason: str) -> None:
        """Count a refused request. `reason` is one of `_REASONS`."""
        self._rejected.labels(reason).inc()

    def first_path(self) -> Callable[[PathResult], None]:
        """Start the time to the first vote of a problem. Returns an observer of its paths."""
        started = time.monotonic()
        seen = False

        def observe(path: PathResult) -> None:
            nonlocal seen
            if path.answer is not None and not seen:
                self._first_path.observe(time.monotonic() - started, self._exemplar())
                seen = True

        return observe

    def observe_lock(self, lock: LockState) -> None:
        """Report the active layers of the kernel lock."""
        for layer, state in asdict(lock).items():
            self._lock.labels(layer).set(state)

    def observe_solution(self, solution: Solution) -> None:
        """Count a solved problem, its vote and its paths."""
        exemplar = self._exemplar()
        self._duration.labels(solution.status.value).observe(solution.timing.total_s, exemplar)
        self._by_model.labels(solution.model).inc()
        self._queue_wait.observe(solution.timing.queue_s, exemplar)
        self._votes.labels(_decision(solution)).inc()
        if solution.votes:
            votes = [tally.cot + tally.pot for tally in solution.votes]
            self._agreement.observe(votes[0] / sum(votes))
        self._confidence.observe(solution.confidence)
        for path in solution.paths:
            self._paths.labels(path.kind.value, path.outcome.value).inc()
            self._completion_tokens.labels(path.kind.value).inc(path.completion_tokens)
            self._thinking_tokens.labels(path.kind.value).inc(path.thinking_tokens)
            self._repaired.inc(path.repaired)
            if path.limit:
                self._cut_off.labels(path.limit.value).inc()
        self._saved_tokens.inc(solution.saved_tokens)
        self._problem_tokens.labels("prompt").observe(sum(path.prompt_tokens for path in solution.paths))
        self._problem_tokens.labels("completion").observe(sum(path.completion_tokens for path in solution.paths))

    def observe_grade(self, grade: Grade) -> None:
        """Count a graded response."""
        self._grades.labels(grade.verdict.value, grade.basis.value).inc()

    def observe_failure(self, seconds: float) -> None:
        """Count a problem that ended with a failure of the service after `seconds`."""
        self._duration.labels("error").observe(seconds, self._exemplar())

    def observe_execution(self, execution: Execution) -> None:
        """Count a program run."""
        self._runs.labels(execution.outcome.value).inc()
        self._run_duration.observe(execution.seconds, self._exemplar())

    def observe_engine(self, up: bool) -> None:
        """Report whether the engine can sample paths."""
        self._engine_up.set(up)

    def observe_worker(self, worker: str, up: bool) -> None:
        """Report whether a worker of the remote engine answers. `worker` is its host and port."""
        self._worker_up.labels(worker).set(up)

    def observe_worker_request(self, worker: str, result: str) -> None:
        """Count a path sent to a worker. `result` is `ok`, `aborted`, `refused` or `failed`."""
        self._worker_requests.labels(worker, result).inc()

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


def _decision(solution: Solution) -> str:
    if solution.answer is None:
        return "abstain"
    first, second, *_ = [*(tally.votes for tally in solution.votes), 0]
    if first == second:
        return "tie"
    return "majority" if 2 * first > sum(tally.votes for tally in solution.votes) else "plurality"
