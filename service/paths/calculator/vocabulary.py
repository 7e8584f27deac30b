"""Words and signs of arithmetic in prose."""

from fractions import Fraction


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MONEY = frozenset("$€£¥₹")
OPERATORS = {"×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "—": "-"}
OPERATOR_WORDS = {"x": "*", "times": "*", "plus": "+", "minus": "-", "divided": "/", "multiplied": "*"}
CONJUNCTIONS = _words(
    "and or so then therefore thus hence because since as if that which where when is are was were be equals has had "
    "have gets means get"
)
ARTICLES = _words("the a an his her their its these those this that total all my our")
UNIT_LETTERS = frozenset("amghlsiAILS")
NOT_PLAIN = _words(
    "half twice double triple quarter quarters dozen dozens hundred thousand million billion trillion squared cubed "
    "am pm noon midnight o'clock o’clock january february april june july august september october "
    "november december remainder"
)
FRACTIONS = _words(
    "halves third thirds fourth fourths fifth fifths sixth sixths seventh sevenths eighth eighths tenth tenths"
)
"""Fractions that stand between the operands of an expression: `3 + a third of 12`."""
LABELS = _words(
    "step day week month year question problem part case round example exercise item task level chapter page room "
    "group class grade row line equation option game test quiz trial lesson number no"
)
"""Words whose number is a name, no amount: `Step 3 - 4 + 5 = 9`."""
LABEL_PREPOSITIONS = _words("on in for from of by")


_CARDINALS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred".split()
_PARTS = "third fourth fifth sixth seventh eighth ninth tenth".split()
NUMBER_WORDS: dict[str, Fraction] = {
    **{word: Fraction(value) for value, word in enumerate(_CARDINALS, 1)},
    **{word: Fraction(10 * value) for value, word in enumerate(_TENS, 3)},
    **{word + ending: Fraction(1, value) for value, word in enumerate(_PARTS, 3) for ending in ("", "s")},
    **dict.fromkeys(("half", "halves"), Fraction(1, 2)),
    **dict.fromkeys(("quarter", "quarters"), Fraction(1, 4)),
    **dict.fromkeys(("twice", "double", "doubled", "both", "pair", "pairs", "couple"), Fraction(2)),
    **dict.fromkeys(("thrice", "triple", "tripled"), Fraction(3)),
    **dict.fromkeys(("quadruple", "quadrupled"), Fraction(4)),
    **dict.fromkeys(("dozen", "dozens"), Fraction(12)),
    "score": Fraction(20),
    "thousand": Fraction(1000),
    "million": Fraction(10**6),
}
"""By lower-case word, the number that it multiplies or adds."""
MULTIPLIERS = _words("twice double doubled thrice triple tripled quadruple half third quarter")
"""Number words that multiply what follows them without a word between."""
LINKS = _words("of than times at and each every off on by from to with for per as x @ containing holding worth")
"""Words that link a number to the expression after it: `5 more than 3 * 2`."""
LINK_ENDS = CONJUNCTIONS - {"and", "or", "as"} | _words(
    "gives give gave makes make made costs cost costing caught eats eat ate takes took needs need buys bought sells "
    "sold spends spent earns earned pays paid leaves left used uses saved can will would received plus minus"
)
"""Words that part a number from the expression after it: `of 5 people he has 3 * 2`."""
SCALE_WORDS = {
    "hundred": 100,
    "hundreds": 100,
    "percent": 100,
    "percentage": 100,
    "thousand": 1000,
    "thousands": 1000,
    "million": 10**6,
    "millions": 10**6,
    "billion": 10**9,
    "billions": 10**9,
    "lakh": 10**5,
    "crore": 10**7,
    "dozen": 12,
    "dozens": 12,
    "gross": 144,
    "score": 20,
}
"""By word, the factor that a text may leave out of its equations."""
CYCLES = {"clock": (12, 24), "o'clock": (12, 24), "o’clock": (12, 24), "noon": (12, 24), "midnight": (12, 24)}
"""By word, the moduli that a sentence may leave out of its equations."""
PARTS = _words(
    "legs wheels tires points feet eyes ears wings horns sides corners edges arms fingers toes pages seats players "
    "credits"
)
"""Nouns of which other things have several: `4 bicycles + 3 tricycles = 17 wheels`."""
