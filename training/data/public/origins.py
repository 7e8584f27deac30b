"""Files of public repositories, pinned by commit and git blob id."""

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

RAW = "https://raw.githubusercontent.com"

COMMITS = {
    "EIT-NLP/Distilling-CoT-Reasoning": "cc33822e99534615a87841bd6c2e865e0d24d123",
    "TIGER-AI-Lab/Program-of-Thoughts": "850399c3eff8c37458a9d642c4a98df287f50f3a",
    "arkilpatel/SVAMP": "689d7ccac74b9983a2ac7cc3b264f441b99e7c53",
    "chaochun/nlu-asdiv-dataset": "883f90a9a65bf00304ba8f37423910fe743abc47",
    "eladsegal/strategyqa": "1ba1e97452e189569357876f2854b01357ffbe37",
    "lqtrung1998/mwp_ReFT": "bdc844e02e5c783d4361d7777f4ad486e7e116da",
    "openai/grade-school-math": "3101c7d5072418e28b9008a6636bde82a006892c",
}
"""Commit of each repository on GitHub."""


@dataclass(frozen=True, slots=True)
class Origin:
    """File of a public repository.

    Args:
        repository: owner and name on GitHub.
        path: path in the repository.
        blob: git's id of the content.
        size_bytes: size of the file, or None if it was never measured.
    """

    repository: str
    path: str
    blob: str
    size_bytes: int | None = None

    @property
    def commit(self) -> str:
        """Commit that has the file."""
        return COMMITS[self.repository]

    @property
    def url(self) -> str:
        """Address of the file's raw content."""
        return f"{RAW}/{self.repository}/{self.commit}/{quote(self.path)}"

    @property
    def places(self) -> tuple[str, ...]:
        """Relative paths at which a mirror may hold the file."""
        name = self.repository.partition("/")[2]
        return f"{self.repository}/{self.path}", f"{name}/{self.path}", self.path, self.path.rpartition("/")[2]

    def row(self) -> dict[str, str]:
        """JSON object for `source.json`."""
        return {"repository": self.repository, "commit": self.commit, "path": self.path, "blob": self.blob}


def blob_id(content: bytes) -> str:
    """Git's id of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
