"""Examples of prompts with labels of any language, or without labels."""

import re
from collections.abc import Sequence
from itertools import dropwhile

from service.schemas.openai_follow_up import NUMBER

_LINE_LABEL = re.compile(r"^[ \t]*([^\W\d_][^\s:：]{0,20})[ \t]*[:：]", re.MULTILINE)
_SENTENCE_WORDS = 5
_QUESTION_MARK = re.compile(r"[?？]")
_QUESTION_END = re.compile(r"(?<=[?？])[ \t\r]*\n")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_WORKED = re.compile(r"=|####|\\boxed|\banswer\b", re.IGNORECASE)
"""Signs of a worked answer. The next part of a story has none."""
_SHORT_WORDS = 3


def after_foreign_labels(text: str) -> str:
    """Last question between labels of any language: "Frage: … Antwort: … Frage: … Antwort:"."""
    labels = list(_LINE_LABEL.finditer(text))
    if len(labels) < 4 or labels[-1].end() != len(text):
        return text
    words = [label[1] for label in labels]
    question = text[labels[-2].end() : labels[-1].start()].strip()
    is_repeated = words[-4:-2] == words[-2:] and words[-2] != words[-1]
    return question if is_repeated and is_sentence(question) else text


def after_bare_examples(text: str) -> str:
    """Last question behind questions and answers without labels, in lines or paragraphs by turns."""
    *parts, last = _parts(text)
    examples = list(dropwhile(_is_instruction, parts))
    questions, answers = examples[::2], examples[1::2]
    is_example = len(questions) == len(answers) > 0 and all(map(_is_answer, answers))
    return last if is_example and all(map(_QUESTION_MARK.search, [*questions, last])) else text


def is_sentence(text: str) -> bool:
    """Whether a text is a question, or has several words."""
    is_question = _QUESTION_MARK.search(text) is not None
    return is_question or len(text.split(maxsplit=_SENTENCE_WORDS - 1)) == _SENTENCE_WORDS


def _parts(text: str) -> Sequence[str]:
    """Paragraphs, divided behind their first question. The lines of a single paragraph."""
    paragraphs = _PARAGRAPH_END.split(text)
    if len(paragraphs) == 1:
        return [line for line in text.split("\n") if line.strip()] or [text]
    return [part for paragraph in paragraphs for part in _QUESTION_END.split(paragraph, 1)]


def _is_instruction(text: str) -> bool:
    return not _QUESTION_MARK.search(text) and not NUMBER.search(text)


def _is_answer(text: str) -> bool:
    is_short = len(text.split(maxsplit=_SHORT_WORDS)) <= _SHORT_WORDS
    return not _QUESTION_MARK.search(text) and (is_short or _WORKED.search(text) is not None)
