"""Command `twinpath train data`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from service.errors import ConfigurationError
from service.types import PathKind
from training.data.public.fetch import Fetch
from training.data.public.hub import OnHub
from training.data.public.original import Original
from training.data.public.origins import Origin
from training.data.public.public_set import PublicSet
from training.data.public.sets import PUBLIC_SETS, public_set
from training.data.public.write import write_set

GITHUB = "github"
HUB = "hub"
DOWNLOADS = "downloads"
"""Directory of the original files within that of the sets. Another machine can take it with `--from`."""

_KINDS = {PathKind.COT: "CoT", PathKind.POT: "PoT"}


def bring(names: Sequence[str], *, with_rationales: bool, root: Path, source: str) -> None:
    """Write public sets.

    Args:
        names: names of the sets.
        with_rationales: whether to write the public rationales too.
        root: directory of the sets.
        source: `github`, `hub` or a mirror directory.

    Raises:
        ConfigurationError: a set is unknown, or its content cannot be read.
    """
    sets = list(map(public_set, names))
    if source == HUB:
        if with_rationales:
            raise ConfigurationError("the Hugging Face hub has only the problems; leave out --rationales or --from hub")
        for known in sets:
            write_set(known, OnHub(known), root)
        return
    mirror = None if source == GITHUB else Path(source)
    if mirror is not None and not mirror.is_dir():
        raise ConfigurationError(f"the mirror {mirror} is not a directory; set --from to github, hub or a directory")
    fetch = Fetch(root / DOWNLOADS, mirror)
    faults = []
    for known in sets:
        try:
            write_set(known, Original(known, fetch, with_rationales), root)
        except ConfigurationError as error:
            if mirror is None:
                raise
            faults.append(_missing_text(known, mirror, with_rationales=with_rationales) or str(error))
    if faults:
        raise ConfigurationError("; ".join(faults))


def urls_text(names: Sequence[str], *, with_rationales: bool) -> str:
    """Addresses of the sets' original files, one per line. Without names, those of every set.

    Raises:
        ConfigurationError: a set is unknown.
    """
    origins = [
        origin for name in names or PUBLIC_SETS for origin in public_set(name).origins(with_rationales=with_rationales)
    ]
    return "\n".join(origin.url for origin in dict.fromkeys(origins))


def sets_text() -> str:
    """Every public set: problems, rationales, licence and size of the download."""
    return "\n\n".join([*map(_set_text, PUBLIC_SETS.values()), "Bring one: twinpath train data NAME [--rationales]"])


def _set_text(known: PublicSet) -> str:
    rows = ", ".join(f"{split} {count:,}" for split, count in known.rows.items())
    lines = [
        f"{known.name}: {known.title}",
        f"  problems: {rows} ({_size(known.files)}; licence {known.licence})",
        f"  split: {known.split}",
    ]
    for source in known.rationales:
        counts: dict[str, list[int | None]] = defaultdict(list)
        for texts in source.files:
            counts[f"{_KINDS[texts.kind]} by {texts.teacher}"].append(texts.rows)
        listed = ", ".join(f"{_count(rows)} {label}" for label, rows in counts.items())
        size = _size(texts.origin for texts in source.files)
        lines.append(f"  {source.file_name}: {listed} ({size}; licence {source.licence}; terms of {source.terms})")
    return "\n".join(lines)


def _missing_text(known: PublicSet, mirror: Path, *, with_rationales: bool) -> str:
    """Line on a set's files that a mirror lacks. Empty if it has all."""
    origins = known.origins(with_rationales=with_rationales)
    missing = [origin.places[0] for origin in origins if not any((mirror / place).is_file() for place in origin.places)]
    if not missing:
        return ""
    option = " --rationales" if with_rationales else ""
    return (
        f"the mirror {mirror} lacks {len(missing)} of {len(origins)} files of {known.name}: {', '.join(missing)} "
        f"(`twinpath train data {known.name}{option} --urls` lists their addresses)"
    )


def _count(rows: Sequence[int | None]) -> str:
    known = [count for count in rows if count is not None]
    return f"{sum(known):,}" if len(known) == len(rows) else "?"


def _size(origins: Iterable[Origin]) -> str:
    sizes = [origin.size_bytes for origin in origins]
    total = sum(size or 0 for size in sizes) / 1e6
    return f"{total:.1f} MB" if all(sizes) else "size unknown"
