"""Public sets on the Hugging Face hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from service.errors import ConfigurationError
from training.data.problem import Problem
from training.data.public.columns import rows_to_problems
from training.data.public.network import connection_fault, reason
from training.data.public.public_set import HubSet, PublicSet
from training.data.public.sets import PUBLIC_SETS
from training.data.public.write import Output

TIMEOUT_S = 5.0


@dataclass
class OnHub:
    """Problems of a set on the hub, in the hub's split.

    Args:
        known: the set.
    """

    known: PublicSet

    def outputs(self) -> dict[str, Output]:
        """Description of each file, by its name."""
        found = hub_set(self.known)
        return {
            f"{split}.jsonl": Output(licence=self.known.licence, origin=[{"hub": found.name, "split": expression}])
            for split, expression in found.splits.items()
        }

    def rows(self, file: str) -> Iterator[dict[str, Any]]:
        """JSON objects of a file."""
        return (problem.row() for problem in _problems(self.known, file.removesuffix(".jsonl"), self._connection))

    @property
    def revision(self) -> str:
        """Commit of the set on the hub. Empty for the hub's local cache."""
        return self._connection.revision

    @cached_property
    def _connection(self) -> "_Connection":
        return _connect(hub_set(self.known))


def from_hub(known: PublicSet) -> list[Problem]:
    """Problems of the main split. Without a connection, those of the hub's local cache.

    Raises:
        ConfigurationError: neither the hub nor the cache has the set.
    """
    found = hub_set(known)
    return _problems(known, next(iter(found.splits)), _connect(found))


def hub_set(known: PublicSet) -> HubSet:
    """Place of a set on the hub.

    Raises:
        ConfigurationError: the hub does not have the set.
    """
    if known.hub is None:
        on_hub = ", ".join(name for name, other in PUBLIC_SETS.items() if other.hub)
        raise ConfigurationError(f"{known.name} is not on the Hugging Face hub; on it are {on_hub}")
    return known.hub


@dataclass(frozen=True, slots=True)
class _Connection:
    """Result of the first request to the hub: the set's revision, or the fault."""

    revision: str = ""
    fault: str = ""


def _connect(found: HubSet) -> _Connection:
    from huggingface_hub import HfApi, constants

    fault = "" if constants.is_offline_mode() else connection_fault(constants.ENDPOINT)
    if fault:
        return _Connection(fault=fault)
    try:
        return _Connection(revision=HfApi().dataset_info(found.name, timeout=TIMEOUT_S).sha or "")
    except Exception as error:  # of many classes, also those of the HTTP client
        return _Connection(fault=reason(error))


def _problems(known: PublicSet, split: str, connection: _Connection) -> list[Problem]:
    found = hub_set(known)
    expression = found.splits[split]
    from datasets import config, load_dataset

    # Without a connection, `datasets` would repeat its requests for a minute.
    with _cache_only(config, enabled=bool(connection.fault)):
        try:
            rows = load_dataset(found.name, found.config, split=expression, revision=connection.revision or None)
        except Exception as error:  # also those of pyarrow
            raise ConfigurationError(
                f"hf:{known.name} cannot be read from the Hugging Face hub: {connection.fault or reason(error)}. "
                f"`twinpath train data {known.name}` gets it from GitHub, and `twinpath train data {known.name} "
                "--from DIR` from a directory with copies of the original files"
            ) from None
    return rows_to_problems(known.name, expression.rpartition("+")[2], found.read, rows)


@contextmanager
def _cache_only(config: Any, *, enabled: bool) -> Iterator[None]:
    """Offline mode of `datasets`."""
    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = before or enabled
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
