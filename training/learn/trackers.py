"""Trackers: receivers of a training's losses and accuracies."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from service.errors import ConfigurationError
from training.progress import Step, bar

PROJECT = "twinpath"

_SHOWN = {"cot_loss": "loss_cot", "pot_loss": "loss_pot", "watch/vote": "accuracy"}
"""Figures of the progress bar, by their names in a log."""


class Tracker(Protocol):
    """Receiver of figures."""

    def begin(self, step: int, step_tokens: Sequence[int]) -> None:
        """Start.

        Args:
            step: number of steps until the checkpoint of a resumed training, or 0.
            step_tokens: tokens of each step's packs.
        """
        ...

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Take figures of a step."""
        ...

    def end(self) -> None:
        """Finish."""
        ...


class Trackers:
    """Several trackers. Before `begin` and after `end` they take no figures.

    Args:
        trackers: the trackers.
    """

    def __init__(self, trackers: Iterable[Tracker] = ()) -> None:
        self._trackers = [*trackers]
        self._begun: list[Tracker] = []

    def begin(self, step: int, step_tokens: Sequence[int]) -> None:
        """See `Tracker.begin`."""
        for tracker in self._trackers:
            tracker.begin(step, step_tokens)
            self._begun.append(tracker)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See `Tracker.log`."""
        for tracker in self._begun:
            tracker.log(figures, step)

    def end(self) -> None:
        """See `Tracker.end`."""
        while self._begun:
            self._begun.pop().end()


class StepBar:
    """Progress bar over the steps.

    Args:
        title: name of the training.
        before: function that is called before the bar is shown.
    """

    def __init__(self, title: str, before: Callable[[], None]) -> None:
        self._title = title
        self._before = before
        self._tokens: Sequence[int] = ()
        self._done = 0
        self._stack = ExitStack()
        self._step: Step | None = None

    def begin(self, step: int, step_tokens: Sequence[int]) -> None:
        """See `Tracker.begin`."""
        self._before()
        self._done, self._tokens = step, step_tokens
        self._step = self._stack.enter_context(bar(self._title, len(step_tokens), done=step))

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See `Tracker.log`."""
        if self._step is not None:
            shown = {own: figures[name] for name, own in _SHOWN.items() if name in figures}
            self._step(step - self._done, tokens=sum(self._tokens[self._done : step]), **shown)
            self._done = step

    def end(self) -> None:
        """See `Tracker.end`."""
        self._stack.close()


class TensorBoard:
    """Event files. A resumed training purges the events after its checkpoint.

    Args:
        log: directory of the files.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._writer: Any = None

    def begin(self, step: int, step_tokens: Sequence[int]) -> None:
        """See `Tracker.begin`."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._log), purge_step=step + 1)

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See `Tracker.log`."""
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def end(self) -> None:
        """See `Tracker.end`."""
        self._writer.close()


class Hosted:
    """Run of Weights & Biases, or of trackio, which has the same functions.

    Args:
        module: `wandb` or `trackio`.
        name: name of the run. A resumed training continues the run of this name.
        settings: settings of the training, shown beside the figures.
        log: directory for the files of Weights & Biases. trackio keeps its own in the user's cache.
    """

    def __init__(self, module: str, name: str, settings: Mapping[str, Any], log: Path) -> None:
        self._module = module
        self._name = name
        self._settings = settings
        self._log = log
        self._api: Any = None

    def begin(self, step: int, step_tokens: Sequence[int]) -> None:
        """See `Tracker.begin`.

        Raises:
            ConfigurationError: the package cannot start a run, for example without a login.
        """
        self._api = import_module(self._module)
        only_wandb = {"id": self._name, "dir": str(self._log)} if self._module == "wandb" else {}
        try:
            self._api.init(project=PROJECT, name=self._name, resume="allow", config=dict(self._settings), **only_wandb)
        except Exception as error:  # each package raises classes of its own
            raise ConfigurationError(f"`watch.report_to`: {self._module} cannot start a run: {error}") from None

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """See `Tracker.log`."""
        self._api.log(dict(figures), step=step)

    def end(self) -> None:
        """See `Tracker.end`."""
        self._api.finish()


def trackers_of(report_to: Sequence[str], run: str, settings: Mapping[str, Any], log: Path) -> list[Tracker]:
    """Trackers of a training.

    Args:
        report_to: `tensorboard`, `wandb`, `trackio`.
        run: name of the run.
        settings: settings of the training.
        log: directory for their files and for the name of a hosted run.
    """
    hosted = [name for name in report_to if name != "tensorboard"]
    found: list[Tracker] = [Hosted(name, _unique(run, log / "tracker"), settings, log) for name in hosted]
    return found + ([TensorBoard(log / "tensorboard")] if "tensorboard" in report_to else [])


def check_installed(report_to: Sequence[str]) -> None:
    """Refuse trackers whose package is missing.

    Raises:
        ConfigurationError: a package is not installed.
    """
    missing = [name for name in report_to if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"`watch.report_to` has {missing[0]}, which is not installed: pip install {' '.join(missing)}"
        )


def _unique(run: str, path: Path) -> str:
    """Name of a hosted run. The file `path` keeps it for a resumed training."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{run}-{secrets.token_hex(3)}")
    return path.read_text()
