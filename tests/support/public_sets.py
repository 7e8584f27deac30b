"""Small public set with its original files, for tests."""

import json
from pathlib import Path

from service.types import PathKind
from training.data.public import columns, problems, rationales
from training.data.public.origins import Origin, blob_id
from training.data.public.public_set import HubSet, PublicSet
from training.data.public.rationales import RationaleSource, Texts

_ROWS = [
    {
        "ID": f"chal-{n}",
        "Body": f"Ann has {n} pens",
        "Question": "And 1 more?",
        "Answer": n + 1.0,
        "Equation": f"{n} + 1",
    }
    for n in (1, 2, 3)
]
_QUESTIONS = [f"Ann has {n} pens. And 1 more?" for n in (2, 3)]
FILES = {
    "arkilpatel/SVAMP/SVAMP.json": json.dumps(_ROWS).encode(),
    "EIT-NLP/Distilling-CoT-Reasoning/data/train.json": json.dumps([{"instruction": q} for q in _QUESTIONS]).encode(),
    "TIGER-AI-Lab/Program-of-Thoughts/outputs/codex.jsonl": b"\n".join(
        json.dumps({"question": question, "generated": f"ans = {n}"}).encode()
        for n, question in enumerate([*_QUESTIONS, "Ann has 1 pens. And 1 more?"], 3)
    ),
}
ORIGINS = [
    Origin("/".join(path.split("/")[:2]), "/".join(path.split("/")[2:]), blob_id(content), len(content))
    for path, content in FILES.items()
]
CODEX = Texts(ORIGINS[2], rationales.codex, "codex", PathKind.POT, 2, {"style": "zero-shot"})
SAMPLE = PublicSet(
    "sample",
    "Sample, sums",
    "MIT",
    "By hand.",
    {"train": 2, "test": 1},
    tuple(ORIGINS[:2]),
    problems.svamp,
    (RationaleSource("codex", "MIT", "OpenAI", (CODEX,)),),
    HubSet("someone/sample", None, {"train": "train", "test": "validation+test"}, columns.svamp),
)


def mirror(directory: Path) -> Path:
    """Write the original files."""
    for path, content in FILES.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory
