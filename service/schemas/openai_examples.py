"""Examples without labels, and labels of examples in several languages."""

import re
from collections.abc import Sequence
from itertools import dropwhile

from service.schemas.openai_follow_up import NUMBER, is_follow_up

FOREIGN_ASKS = frozenset(
    "frage aufgabe pregunta problema ejercicio exercice problème domanda esercizio pergunta exercício vraag "
    "opgave pytanie zadanie вопрос задача 问题 問題 题目 質問 문제 질문".split()
)
FOREIGN_REPLIES = frozenset(
    "antwort lösung respuesta solución réponse risposta soluzione resposta solução antwoord oplossing odpowiedź "
    "rozwiązanie ответ решение 答案 回答 答え 解答 답 답변 정답".split()
)
QUESTION_MARK = re.compile(r"[?？]")
_SENTENCE_WORDS = 5
_QUESTION_END = re.compile(r"(?<=[?？])[ \t\r]*\n")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_MIN_EXAMPLES = 2
_RESULT = re.compile(r"[\W_]*\d[\d.,/]*\W*(?:[^\W\d_]+\W*)?")
"""Number, which one word may follow: "$21", "7 cups"."""
_WORKED = re.compile(r"=|####|\\boxed|\banswer\b", re.IGNORECASE)
_NUMERAL = re.compile(r"\d[\d.,]*")
_WORDS = re.compile(r"[^\W\d_]+")
_BARE_NUMERAL = re.compile(
    r"(?<![\d.,/$€£])(?<![-+*/=]\s)\d[\d.,]*(?:\Z|[?!]|(?<=[.,])\s|\s+(?:an?|and|are|at|by|for|from|in|is|of|on|or|to|with)\b)",
    re.IGNORECASE,
)
"""Number without its noun, which an earlier sentence may name: "pays 50 for 9"."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")
_CONTINUATION = re.compile(
    r"^\W*(?:the|these|those|this|that|and|but|or|so|then|now|if)\b"
    r"|\b(?:others?|another|rest|left|remain\w*|second|third|now|then|again|also|too|still|instead)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"\b(?:s?he|him|hers?|his|they|them|theirs?|it|its|this|that|these|those|both|each|same|altogether|total)\b",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(r"\W*(?:(?:in|at|on|for) )?(?:an?|there (?:is|are|was|were))\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Z][a-z]+")
_QUESTION_WORDS = frozenset("how what when where which who".split())
_FUNCTION_WORDS = frozenset(
    "a about after all along altogether among an and are as at be been before both but by can could did do does "
    "during each every find for from had half has have he her him his how if in into is it its many me more most "
    "much of off on one or out over per s she so some than that the their them then there they this those to "
    "total twice two up was were what when where which while who because since although suppose assume once until "
    "unless will with would you your".split()
)
"""English words without a subject."""
_COMMON_WORDS = frozenset(
    "cent cents day days dollar dollars hour hours minute minutes month months week weeks year years am pm today "
    "bought buy buys came come comes gave get gets give gives go goes got keep keeps kept made make makes need "
    "needs put puts take takes took use used uses want wants went first second third three four five six seven "
    "eight nine ten monday tuesday wednesday thursday friday saturday sunday yesterday tomorrow later next "
    "finally suddenly another big day equal every large left long new number only same small".split()
)
"""Words of problems on any subject: units of time and money, verbs, numerals."""


def after_bare_examples(text: str) -> str:
    """Last question behind questions and answers without labels, in lines or paragraphs by turns.

    The later parts of one problem have the same form. A text is cut only if its last two questions stand by themselves.
    Each has a subject of its own, and that of the last is in no earlier part. Many prompts with examples stay whole.
    """
    *parts, last = _parts(text)
    examples = list(dropwhile(_is_instruction, parts))
    questions, answers = examples[::2], examples[1::2]
    if not len(questions) == len(answers) >= _MIN_EXAMPLES or not all(map(_is_answer, answers)):
        return text
    if not all(map(QUESTION_MARK.search, questions)):
        return text
    before, previous = ("\n".join(examples[-4:-2]), "\n".join(examples[-2:]))
    is_separate = _are_separate(before, previous) and _are_separate("\n".join(parts), last)
    is_whole = all(map(_stands_by_itself, [questions[-1], last])) and not _BARE_NUMERAL.search(last)
    return last if is_separate and is_whole else text


def is_sentence(text: str) -> bool:
    """Whether a text is a question, or has several words."""
    is_question = QUESTION_MARK.search(text) is not None
    return is_question or len(text.split(maxsplit=_SENTENCE_WORDS - 1)) == _SENTENCE_WORDS


def _parts(text: str) -> Sequence[str]:
    """Paragraphs, divided behind their first question. The lines of a single paragraph."""
    paragraphs = _PARAGRAPH_END.split(text)
    if len(paragraphs) == 1:
        return [line for line in text.split("\n") if line.strip()] or [text]
    return [part for paragraph in paragraphs for part in _QUESTION_END.split(paragraph, 1)]


def _is_instruction(text: str) -> bool:
    return not QUESTION_MARK.search(text) and not NUMBER.search(text)


def _is_answer(text: str) -> bool:
    is_result = _RESULT.fullmatch(text) is not None or (_WORKED.search(text) is not None)
    return is_result and _NUMERAL.search(text) is not None and not QUESTION_MARK.search(text)


def _stands_by_itself(question: str) -> bool:
    """Whether an English question has its own numbers, and whether its first sentence refers to nothing before it."""
    words = {word.casefold() for word in _WORDS.findall(question)}
    first = _SENTENCE_END.split(question.lstrip(), 1)[0]
    has_own_subject = not QUESTION_MARK.search(first) and _brings_in_a_subject(first)
    return (
        QUESTION_MARK.search(question) is not None
        and len(_NUMERAL.findall(question)) > 1
        and (not words or not words.isdisjoint(_QUESTION_WORDS))
        and not _CONTINUATION.search(first)
        and (has_own_subject or not _PRONOUN.search(first))
        and not is_follow_up(question)
    )


def _brings_in_a_subject(sentence: str) -> bool:
    """Whether a sentence begins with "a pen", "there are" or a name, to which its pronouns may refer."""
    name = _NAME.match(sentence)
    is_name = name is not None and name[0].casefold() not in _FUNCTION_WORDS | _COMMON_WORDS
    return is_name or _INTRODUCTION.match(sentence) is not None


def _are_separate(one: str, other: str) -> bool:
    return _subjects(one).isdisjoint(_subjects(other))


def _subjects(text: str) -> set[str]:
    """Beginnings of the words that name a subject, which their endings do not change: "boxes" and "box"."""
    words = (word.casefold() for word in _WORDS.findall(text))
    return {word.rstrip("es")[:4] or word for word in words if word not in _FUNCTION_WORDS | _COMMON_WORDS}
