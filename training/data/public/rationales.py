"""Rationales of public sources, for the problems of a set.

Each source names the problem by its question. Texts on other questions are left out.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from service.paths.answer import parse_answer
from service.paths.equality import matches
from service.types import PathKind
from training.data.problem import Problem, Rationale
from training.data.public.columns import number_text, question_key
from training.data.public.origins import Origin
from training.data.public.problems import gpt35_rows

ByQuestion = Mapping[str, Problem]
"""Problems by the key of their question."""

_ANSWER_LINE = re.compile(r"(?:The|\bthe) answer is\b:?")  # often without a space before it
_TAG = re.compile(r"</?Solution Path>")
_YES_NO = {"true": "yes", "false": "no"}
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_GPT35_ANSWER = re.compile(r"\s*Therefore, the answer is <([^<>]+)>\.\s*\Z")


Pair = tuple[Problem, str]
ReadTexts = Callable[[bytes, ByQuestion], Iterator[Pair]]
"""Mapping from a file to problems with their texts."""


@dataclass(frozen=True, slots=True)
class Texts:
    """File of a teacher's texts.

    Args:
        origin: the file.
        read: mapping from its content to the texts.
        teacher: name of the teacher.
        kind: CoT or PoT.
        rows: number of texts that are kept, or None if it was never measured.
        extra: further columns of the rationales.
    """

    origin: Origin
    read: ReadTexts
    teacher: str
    kind: PathKind
    rows: int | None
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    def rationales(self, content: bytes, problems: ByQuestion) -> list[Rationale]:
        """Rationales of the file's content, for problems by the key of their question."""
        return [
            Rationale(problem.id, self.kind, self.teacher, text, self.extra)
            for problem, text in self.read(content, problems)
        ]


@dataclass(frozen=True, slots=True)
class RationaleSource:
    """Public source of rationales for one set.

    Args:
        name: name in `rationales-NAME.jsonl`.
        licence: licence of the texts.
        terms: providers of the teachers, whose terms apply too.
        files: files of the texts.
    """

    name: str
    licence: str
    terms: str
    files: tuple[Texts, ...]

    @property
    def file_name(self) -> str:
        """Name of the file of rationales."""
        return f"rationales-{self.name}.jsonl"


def eit(content: bytes, problems: ByQuestion) -> Iterator[Pair]:
    """CoT of EIT-NLP.

    Its authors added the last sentence from the gold answers. So a text on a number is kept only if the reasoning also
    has the number.
    """
    for row in json.loads(content):
        problem = problems.get(question_key(row["instruction"]))
        if problem is None:
            continue
        reasoning, line, answer = _split_answer(row["output"])
        stated = parse_answer(answer)
        if stated is None or not matches(stated, problem.answer):
            continue
        if stated.value is None or abs(stated.value) in _numbers(reasoning):
            yield problem, f"{reasoning} {line} {problem.answer}".strip()


def codex(content: bytes, problems: ByQuestion) -> Iterator[Pair]:
    """PoT of TIGER-AI-Lab, right and wrong ones."""
    for line in content.splitlines():
        row = json.loads(line)  # the first one can hold the prompt
        problem = problems.get(question_key(f"{row.get('passage', '')} {row.get('question', '')}"))
        if problem is not None:
            generated = row["generated"]
            program = generated if isinstance(generated, str) else generated[0]
            # A zero-shot program begins with imports and the question, which are the prompt's.
            yield problem, program[max(program.find("def solver"), 0) :].strip()


def gpt35_cot(content: bytes, problems: ByQuestion) -> Iterator[Pair]:
    """CoT of mwp_ReFT, with its answer line in the words of the prompt format."""
    for problem, text in _gpt35(content, problems):
        found = _GPT35_ANSWER.search(text)
        if found:
            reasoning = " ".join(text[: found.start()].split())
            yield problem, f"{reasoning} The answer is {number_text(found[1])}"


def gpt35_pot(content: bytes, problems: ByQuestion) -> Iterator[Pair]:
    """PoT of mwp_ReFT: functions `solution()`."""
    return ((problem, text.strip()) for problem, text in _gpt35(content, problems))


def _gpt35(content: bytes, problems: ByQuestion) -> Iterator[Pair]:
    for row in gpt35_rows(content):
        problem = problems.get(question_key(row["question"]))
        if problem is not None:
            yield problem, row["answer_cot"]


def _numbers(text: str) -> set[Fraction]:
    return {Fraction(found[0].replace(",", "")) for found in _NUMBER.finditer(text)}


def _split_answer(text: str) -> tuple[str, str, str]:
    """Reasoning, words before the answer, and stated answer of a CoT. True and False become yes and no."""
    found = list(_ANSWER_LINE.finditer(text))
    if not found:
        return text, "", ""
    last = found[-1]
    answer = text[last.end() :].strip().removesuffix(".")
    return _reasoning(text[: last.start()]), last[0].removesuffix(":"), _YES_NO.get(answer.lower(), answer)


def _reasoning(text: str) -> str:
    """Text with single spaces, without tags. Numbered steps that lack a space before their number get one."""
    text = " ".join(_TAG.sub(" ", text).split())
    pieces, end, number = [], text.find("1. "), 2
    if end < 0:
        return text
    pieces.append(text[:end])
    # Only the next number counts as a step, so that decimals stay whole: "= 7.5. Then" does not begin step 5.
    while found := re.compile(rf"[.:)](?={number}\. ?[A-Z*])").search(text, end):
        pieces.append(f"{text[end : found.end()]} ")
        end, number = found.end(), number + 1
    return "".join([*pieces, text[end:]])
