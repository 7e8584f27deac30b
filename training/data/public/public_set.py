"""Public set: description of its problems, files and rationales."""

from collections.abc import Callable
from dataclasses import dataclass

from training.data.public.columns import ReadRow
from training.data.public.origins import Origin
from training.data.public.problems import Splits
from training.data.public.rationales import RationaleSource


@dataclass(frozen=True, slots=True)
class HubSet:
    """Public set on the Hugging Face hub.

    Args:
        name: name of the repository.
        config: name of the configuration.
        splits: expression of the hub's splits for each of our files.
        read: mapping from a row to its values.
    """

    name: str
    config: str | None
    splits: dict[str, str]
    read: ReadRow


@dataclass(frozen=True, slots=True)
class PublicSet:
    """Public set of problems and its rationales.

    Args:
        name: name of the set.
        title: name with the kind of problem.
        licence: licence of the problems.
        split: description of the split.
        rows: number of problems by split, the main split first.
        files: original files.
        read: mapping from the contents of the files to the problems.
        rationales: public rationales.
        hub: the set on the Hugging Face hub, which can have another split.
    """

    name: str
    title: str
    licence: str
    split: str
    rows: dict[str, int]
    files: tuple[Origin, ...]
    read: Callable[..., Splits]
    rationales: tuple[RationaleSource, ...] = ()
    hub: HubSet | None = None

    @property
    def main_split(self) -> str:
        """Split that `hf:NAME` takes."""
        return next(iter(self.rows))

    def origins(self, *, with_rationales: bool) -> list[Origin]:
        """Original files, each once."""
        texts = [texts.origin for source in self.rationales for texts in source.files]
        return list(dict.fromkeys([*self.files, *(texts if with_rationales else ())]))
