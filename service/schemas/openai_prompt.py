"""Problem of a prompt or a chat: the last question without labels.

Examples and earlier turns are removed. A prompt whose last question is not clear is an error. Its answer would be wrong
without a sign.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile

from service.errors import InputError
from service.schemas.openai_examples import (
    FOREIGN_ASKS,
    FOREIGN_REPLIES,
    QUESTION_MARK,
    after_bare_examples,
    is_sentence,
)
from service.schemas.openai_follow_up import NUMBER, is_follow_up


@dataclass(frozen=True, slots=True)
class _Family:
    """Labels that belong together, in lower case."""

    asks: frozenset[str]
    replies: frozenset[str]
    asides: frozenset[str] = frozenset()


_FAMILIES = (  # from the outside in: "Human: Question: …"
    _Family(
        frozenset({"user", "human"}),
        frozenset({"assistant", "ai", "bot", "model"}),
        frozenset({"system", "developer"}),
    ),
    _Family(frozenset({"instruction", "instructions", "input"}), frozenset({"response", "output"})),
    _Family(
        frozenset({"question", "q", "problem", "exercise", "task", "query", *FOREIGN_ASKS}),
        frozenset({"answer", "a", "solution", "reasoning", "explanation", *FOREIGN_REPLIES}),
    ),
)
_WORDS = sorted((word for one in _FAMILIES for word in one.asks | one.replies | one.asides), key=len, reverse=True)
_LABEL = re.compile(
    rf"""(?: ^[ \t>]*+ | (?P<inline> (?<=[.?!\d]) [ \t]++ (?-i:(?=[A-Z]))
    | (?<=\S) [ \t]++ (?-i:(?=(?:USER|ASSISTANT):)) ) )  # in a line, behind a sentence, or in Vicuna's template
    (?P<mark> \#{{1,6}} [ \t]*+ )? (?P<open> [\[*_]{{0,3}} )
    (?: (?:math|word|sample|example|test|new|final|next|last) [ \t]++ ){{0,2}}
    (?P<word> {"|".join(_WORDS)} )
    (?P<number> [ \t]*+ (?: no\.? [ \t]*+ | \# )? \(?\d{{1,3}}\)? )? [\]*_]{{0,3}} [ \t]*+
    (?P<colon> [:：.)] )? [\]*_]{{0,3}} (?P<end> [ \t\r]*+ $ )?""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_ROLE_TOKEN = re.compile(
    r"(?:<\|(?:im_start|start_header_id)\|>|<start_of_turn>|<\|)[ \t]*(system|user|assistant|model)[ \t]*"
    r"(?:<\|end_header_id\|>|\|>)?"
)
_INSTRUCTION_TOKEN = re.compile(r"\[(/?)INST\]")
_OTHER_TOKEN = re.compile(
    r"<\|(?:im_end|eot_id|end|begin_of_text|end_of_text|endoftext)\|>|<(?:end_of_turn|bos|eos|s|/s)>"
)
_START_TAG = re.compile(rf"(?:^|(?<=>))[ \t]*<({'|'.join(_WORDS)})>", re.IGNORECASE | re.MULTILINE)
_END_TAG = re.compile(rf"</({'|'.join(_WORDS)})>(?=\s*(?:<|\Z|\n))", re.IGNORECASE)
_DASHED = re.compile(
    rf"^[ \t]*({'|'.join(_FAMILIES[-1].asks | _FAMILIES[-1].replies)})([ \t]*\d{{1,3}})?[ \t]+[-–—](?=\s|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_SECOND_CHOICE = re.compile(r"^[ \t]*b[:.)]|(?<=\s)b:", re.IGNORECASE | re.MULTILINE)
_EXAMPLE = re.compile(r"\bexamples?\b|\bthe answer is\b", re.IGNORECASE)
_MAX_LABELS = 1000
_MANY_LABELS = f"`problem` has more than {_MAX_LABELS} labels. Send fewer examples."
_SEVERAL = "`problem` has several questions without answers. Send each question in a request of its own."
_ANSWERED = (
    "The last question of `problem` already has an answer. End `problem` with the question to solve, after a label "
    "such as `Question:`."
)
_CONTINUED = (
    "`problem` continues an earlier turn. Twinpath solves each question without the turns before it: write the whole "
    "problem in the last one."
)


@dataclass(frozen=True, slots=True)
class _Segment:
    """Labelled part of a text.

    Args:
        word: word of the label, in lower case.
        start: start of the label.
        label: the label as it is written.
        text: text behind the label, up to the next one.
    """

    word: str
    start: int
    label: str
    text: str


@dataclass(slots=True)
class _Turn:
    """Question, which may have several labelled parts, and its replies."""

    asks: list[_Segment]
    replies: list[_Segment] = field(default_factory=list)

    @property
    def is_answered(self) -> bool:
        return any(reply.text.strip() for reply in self.replies)


def problem_of_prompt(prompt: str) -> str:
    """Last question of a prompt.

    Raises:
        InputError: several questions have no answer, the last one has an answer, or it continues an earlier turn. The
            field is `problem`.
    """
    text, has_history = _with_labels(prompt), False
    labels = _labels(text)
    for family in _FAMILIES:
        question, is_later = _last_question(text, _segments(text, labels, family), family)
        has_history |= is_later and family is _FAMILIES[0]  # examples are not a conversation
        labels = labels if question == text else _labels(question)
        text = question
    problem = text.strip()
    problem = after_bare_examples(problem)
    if has_history and is_follow_up(problem):
        raise InputError(_CONTINUED, "problem")
    return problem


def problem_of_turns(turns: Sequence[tuple[str, str]]) -> str:
    """Problem of a chat: the last question of the last user message.

    Args:
        turns: role and text of each message, in order.

    Raises:
        InputError: there is no user message, or its question is not clear.
    """
    last = max((place for place, (role, _) in enumerate(turns) if role == "user"), default=None)
    if last is None:
        raise InputError("There is no user message. The last user message is the problem.", "problem")
    problem = problem_of_prompt(turns[last][1])
    earlier = [(role, text) for role, text in turns[:last] if text.strip()]
    story = _unanswered_story(earlier)
    roles = [role for role, _ in earlier]
    if story:
        return f"{story}\n{problem}"
    if "user" in roles and "assistant" in roles[roles.index("user") :] and is_follow_up(problem):
        raise InputError(_CONTINUED, "problem")
    return problem


def _unanswered_story(turns: Sequence[tuple[str, str]]) -> str:
    """Texts of the last user messages without a reply, if they are a story without a question."""
    unanswered = list(takewhile(lambda turn: turn[0] == "user", reversed(turns)))
    story = "\n".join(text.strip() for _, text in reversed(unanswered))
    return story if _is_story(story) and "?" not in story and not _LABEL.search(story) else ""


def _with_labels(prompt: str) -> str:
    """Prompt with labels for the tokens of chat templates, for tags, and for labels with dashes."""
    text = _ROLE_TOKEN.sub(r"\n\1:\n", prompt)
    text = _INSTRUCTION_TOKEN.sub(lambda token: "\nassistant:\n" if token[1] else "\nuser:\n", text)
    text = _OTHER_TOKEN.sub("\n", text)
    opened, closed = ({tag[1].lower() for tag in kind.finditer(text)} for kind in (_START_TAG, _END_TAG))
    if any(opened & closed & one.asks for one in _FAMILIES):
        text = _START_TAG.sub(r"\n\1:\n", _END_TAG.sub("\n", text))
    dashed = list(_DASHED.finditer(text))
    ends = [*(label.start() for label in dashed[1:]), len(text)]
    asks = [
        QUESTION_MARK.search(text, label.end(), end)
        for label, end in zip(dashed, ends, strict=False)
        if label[1].lower() in _FAMILIES[-1].asks
    ]
    # "Q - A = 3" is an equation, and "Q - 3 apples" the entry of a list.
    return _DASHED.sub(r"\1\2:", text) if asks and all(asks) and len(asks) < len(dashed) else text


def _last_question(text: str, segments: Sequence[_Segment], family: _Family) -> tuple[str, bool]:
    """Text of the last question of a family, and whether answered questions stand before it."""
    turns = _turns(segments, family)
    if any(one.word == "input" and "#" not in one.label and not is_sentence(one.text) for one in segments):
        return text, False  # a table of a function: "Input: 2", "Output: 5"
    if not turns:
        return _before_reply(text, [one for one in segments if one.word in family.replies])
    *earlier, last = turns
    if not all(turn.is_answered for turn in earlier):
        if any(turn.replies for turn in turns) or sum("?" in turn.asks[-1].text for turn in turns) > 1:
            raise InputError(_SEVERAL, "problem")
        return text, False  # a list in the problem: "Task 1: 3 hours", "Task 2: 5 hours"
    *inner, final = last.replies or [_Segment("", len(text), "", "")]
    if re.search(r"[\d?]", final.text):
        raise InputError(_ANSWERED, "problem")
    if not earlier and _is_story(text[: segments[0].start]):
        return text[: final.start], False
    *context, question = last.asks
    parts = [ask.text for ask in context if _is_story(ask.text)] + [question.text]
    parts += [one.label + one.text for one in inner]
    return "\n".join(part.strip() for part in parts), bool(earlier)


def _labels(text: str) -> list[re.Match[str]]:
    """Labels of lines or sentences: with a colon, or in a line of their own, numbered or as a heading."""
    found = (
        label
        for label in _LABEL.finditer(text)
        if (
            label["colon"] in (":", "：")
            or (label["inline"] is None and label["colon"] and label["number"])
            or (label["inline"] is None and (label["mark"] or label["open"]) and label["end"] is not None)
        )
    )
    labels = list(islice(found, _MAX_LABELS + 1))
    if len(labels) > _MAX_LABELS:
        raise InputError(_MANY_LABELS, "problem")
    ends = [*(label.start() for label in labels[1:]), len(text)]
    return [  # without the "A:" of a choice, which "B:" follows
        label
        for label, end in zip(labels, ends, strict=False)
        if label["word"] not in "aA" or not _SECOND_CHOICE.search(text, label.end(), end)
    ]


def _segments(text: str, labels: Sequence[re.Match[str]], family: _Family) -> list[_Segment]:
    """Parts of a text with a label of the family."""
    known = family.asks | family.replies | family.asides
    own = [label for label in labels if label["word"].lower() in known]
    ends = [*(label.start() for label in own), len(text)]
    return [
        _Segment(label["word"].lower(), label.start(), label[0], text[label.end() : end])
        for label, end in zip(own, ends[1:], strict=True)
    ]


def _turns(segments: Sequence[_Segment], family: _Family) -> list[_Turn]:
    """Questions with their replies. Parts with different labels before a reply are one question."""
    turns: list[_Turn] = []
    for one in segments:
        if one.word in family.replies and turns:
            turns[-1].replies.append(one)
        elif one.word in family.asks:
            if turns and not turns[-1].replies and turns[-1].asks[-1].word != one.word:
                turns[-1].asks.append(one)
            else:
                turns.append(_Turn([one]))
    return turns


def _before_reply(text: str, replies: Sequence[_Segment]) -> tuple[str, bool]:
    """Text in front of an empty last reply, and whether answered questions stand before it."""
    if not replies or replies[-1].text.strip():
        return text, False
    *earlier, final = [one for one in replies if one.word == replies[-1].word]
    if not earlier:
        return text[: final.start], False
    paragraphs = [part for part in re.split(r"\n[ \t\r]*\n", earlier[-1].text) if part.strip()]
    if len(paragraphs) != 2:
        raise InputError(_SEVERAL, "problem")
    return paragraphs[1], True


def _is_story(text: str) -> bool:
    """Whether a text in front of a question may belong to it: it has a number, and shows no example."""
    return NUMBER.search(text) is not None and _EXAMPLE.search(text) is None
