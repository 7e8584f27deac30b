"""Digest of a row, for the resume of a run."""

import hashlib
from collections.abc import Callable

from service.cli.run_description import Run, digest

RowDigest = Callable[[bytes], str]
"""Digest of the content of a row."""


def row_digest(run: Run) -> RowDigest:
    """Digest of a row together with the run. A line end at the end of a file does not count."""
    key = bytes.fromhex(digest(run))
    return lambda content: hashlib.blake2b(content.strip(), key=key, digest_size=12).hexdigest()
