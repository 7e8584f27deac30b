"""Content of a public set from its original files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from xml.etree import ElementTree

from service.errors import ConfigurationError
from training.data.problem import Problem
from training.data.public.columns import question_key
from training.data.public.fetch import Fetch
from training.data.public.origins import Origin
from training.data.public.problems import Splits
from training.data.public.public_set import PublicSet
from training.data.public.rationales import RationaleSource
from training.data.public.write import Output


@dataclass
class Original:
    """Problems and rationales of a set.

    Args:
        known: the set.
        fetch: reader of original files.
        with_rationales: whether the rationales are part of the content.
    """

    known: PublicSet
    fetch: Fetch
    with_rationales: bool

    def outputs(self) -> dict[str, Output]:
        """Description of each file, by its name."""
        found = {
            f"{split}.jsonl": Output(licence=self.known.licence, origin=_rows(self.known.files))
            for split in self.known.rows
        }
        for name, source in self._sources.items():
            origins = dict.fromkeys([*self.known.files, *(texts.origin for texts in source.files)])
            found[name] = Output(licence=source.licence, terms=source.terms, origin=_rows(origins))
        return found

    def rows(self, file: str) -> Iterator[dict[str, Any]]:
        """JSON objects of a file."""
        source = self._sources.get(file)
        if source is None:
            yield from (problem.row() for problem in self._splits[file.removesuffix(".jsonl")])
            return
        for texts in source.files:
            content = self.fetch(texts.origin)
            with _format_of(texts.origin):
                found = texts.rationales(content, self._by_question)
            if not found:
                raise ConfigurationError(f"{texts.origin.url} has no text on a problem of {self.known.name}")
            yield from (rationale.row() for rationale in found)

    @property
    def revision(self) -> str:
        """Nothing: the commits are in the descriptions."""
        return ""

    @property
    def _sources(self) -> dict[str, RationaleSource]:
        return {source.file_name: source for source in self.known.rationales if self.with_rationales}

    @cached_property
    def _splits(self) -> Splits:
        contents = [self.fetch(origin) for origin in self.known.files]
        with _format_of(*self.known.files):
            return self.known.read(*contents)

    @cached_property
    def _by_question(self) -> dict[str, Problem]:
        """Problems of the main split, of equal questions the first. Rationales of held-out problems are left out."""
        return {question_key(problem.question): problem for problem in reversed(self._splits[self.known.main_split])}


@contextmanager
def _format_of(*origins: Origin) -> Iterator[None]:
    """Reading of original files.

    Raises:
        ConfigurationError: a file does not have the expected format.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ElementTree.ParseError) as error:
        urls = ", ".join(origin.url for origin in origins)
        detail = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigurationError(f"{urls} does not have the expected format ({detail}); report it") from error


def _rows(origins: Iterable[Origin]) -> list[dict[str, str]]:
    return [origin.row() for origin in origins]
