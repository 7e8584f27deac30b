"""Trackers of a training."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from service.errors import ConfigurationError
from training.learn import trackers
from training.learn.trackers import Hosted, StepBar, TensorBoard, Trackers, check_installed, trackers_of


class _Recorded:
    """Tracker that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin(self, step: int, step_tokens: Any) -> None:
        self.calls.append(("begin", step, step_tokens))

    def log(self, figures: Any, step: int) -> None:
        self.calls.append(("log", dict(figures), step))

    def end(self) -> None:
        self.calls.append(("end",))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[tuple[str, Any]]:
    """Calls of a module with the functions that `wandb` and `trackio` share."""
    calls: list[tuple[str, Any]] = []
    module = ModuleType(request.param)
    module.init = lambda **given: calls.append(("init", given))  # type: ignore[attr-defined]
    module.log = lambda figures, step: calls.append(("log", (figures, step)))  # type: ignore[attr-defined]
    module.finish = lambda: calls.append(("finish", None))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, request.param, module)
    return calls


def test_trackers_take_figures_only_between_begin_and_end() -> None:
    one, two = _Recorded(), _Recorded()
    both = Trackers([one, two])
    both.log({"loss": 9.0}, 1)
    both.begin(2, [10, 20])
    both.log({"loss": 1.0}, 3)
    both.end()
    both.end()
    both.log({"loss": 9.0}, 4)
    assert one.calls == two.calls == [("begin", 2, [10, 20]), ("log", {"loss": 1.0}, 3), ("end",)]


@pytest.mark.parametrize(
    ("service", "more"), [("wandb", {"id": "x", "dir": "LOG"}), ("trackio", {})], indirect=["service"]
)
def test_a_hosted_run_has_name_settings_and_figures(
    service: list[tuple[str, Any]], more: dict[str, str], request: pytest.FixtureRequest
) -> None:
    tracker = Hosted(request.node.callspec.params["service"], "x", {"lr": 0.1}, Path("LOG"))
    tracker.begin(0, [10])
    tracker.log({"loss": 1.5, "watch/vote": 0.5}, 1)
    tracker.end()
    given: dict[str, Any] = {"project": "twinpath", "name": "x", "resume": "allow", "config": {"lr": 0.1}}
    assert service == [
        ("init", given | more),
        ("log", ({"loss": 1.5, "watch/vote": 0.5}, 1)),
        ("finish", None),
    ]


@pytest.mark.parametrize("service", ["wandb"], indirect=True)
def test_a_service_that_cannot_start_is_refused_in_one_line(
    service: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: Any) -> None:
        raise RuntimeError("No API key configured. Use `wandb login` to log in.")

    monkeypatch.setattr(sys.modules["wandb"], "init", init)
    with pytest.raises(ConfigurationError) as raised:
        Hosted("wandb", "x", {}, Path("LOG")).begin(0, [10])
    reason = "`watch.report_to`: wandb cannot start a run: No API key configured. Use `wandb login` to log in."
    assert str(raised.value) == reason


def test_a_resumed_training_continues_its_hosted_run(tmp_path: Path) -> None:
    names = []
    for log in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        (tracker,) = trackers_of(["trackio"], "smoke-train", {}, log)
        assert isinstance(tracker, Hosted)
        names.append(tracker._name)
    assert names[0] == names[1] != names[2]
    assert all(name.startswith("smoke-train-") and len(name) == len("smoke-train-") + 6 for name in names)


def test_off_by_default_and_each_by_its_name(tmp_path: Path) -> None:
    assert trackers_of((), "smoke-train", {}, tmp_path) == []
    assert not list(tmp_path.iterdir())
    found = trackers_of(["tensorboard", "wandb"], "smoke-train", {}, tmp_path)
    assert [type(tracker) for tracker in found] == [Hosted, TensorBoard]


def test_a_missing_package_is_named() -> None:
    check_installed(["tensorboard"])
    with pytest.raises(ConfigurationError) as raised:
        check_installed(["tensorboard", "no_such_tracker", "nor_this"])
    reason = "`watch.report_to` has no_such_tracker, which is not installed: pip install no_such_tracker nor_this"
    assert str(raised.value) == reason


def test_tensorboard_drops_what_a_killed_training_wrote_after_its_checkpoint(tmp_path: Path) -> None:
    for first, steps, loss in ((0, (1, 2, 3), 9.0), (2, (3, 4), 1.0)):
        tracker = TensorBoard(tmp_path)
        tracker.begin(first, [10] * 4)
        for step in steps:
            tracker.log({"loss": loss}, step)
        tracker.end()
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in events] == [(1, 9.0), (2, 9.0), (3, 1.0), (4, 1.0)]


def test_the_bar_shows_losses_accuracy_and_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class _Bar:
        def __enter__(self) -> Any:
            return lambda advance=1, **figures: calls.append((advance, figures))

        def __exit__(self, *_: object) -> None:
            calls.append("end")

    def bar(title: str, total: int, *, done: int) -> _Bar:
        calls.append((title, total, done))
        return _Bar()

    monkeypatch.setattr(trackers, "bar", bar)
    tracker = StepBar("self_training", lambda: calls.append("before"))
    tracker.begin(1, [10, 20, 40, 80])
    tracker.log({"cot_loss": 0.5, "pot_loss": 0.25, "learning_rate": 0.1}, 2)
    tracker.log({"watch/vote": 0.75, "watch/cot": 0.5}, 4)
    tracker.log({"cot_loss": 0.4}, 4)
    tracker.end()
    assert calls == [
        "before",
        ("self_training", 4, 1),
        (1, {"tokens": 20, "loss_cot": 0.5, "loss_pot": 0.25}),
        (2, {"tokens": 120, "accuracy": 0.75}),
        (0, {"tokens": 0, "loss_cot": 0.4}),
        "end",
    ]
