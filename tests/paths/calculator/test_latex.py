import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.paths.answer import parse_answer
from service.paths.calculator.latex import PlainText
from service.paths.calculator.repair import check_equations
from service.paths.cot import parse_cot

FALSE = {
    r"\[ 146 \times 157 = 23002 \]": r"\[ 146 \times 157 = 22922 \]",
    r"\( 22 \times 569 = 12,498 \)": r"\( 22 \times 569 = 12,518 \)",
    r"6 \text{ shirts} \times 12 \text{ minutes} = 74 \text{ minutes}": (
        r"6 \text{ shirts} \times 12 \text{ minutes} = 72 \text{ minutes}"
    ),
    r"12{,}500 \div 5 = 2{,}400": r"12{,}500 \div 5 = 2{,}500",
    r"2,\!500 \cdot 2 = 4,\!000": r"2,\!500 \cdot 2 = 5,000",
    r"\frac{2880}{80} = 34": r"\frac{2880}{80} = 36",
    r"\frac12 \times 30 = 14": r"\frac12 \times 30 = 15",
    r"\frac{12 + 18}{2} = 14": r"\frac{12 + 18}{2} = 15",
    r"\dfrac{\tfrac{12}{4}}{3} = 2": r"\dfrac{\tfrac{12}{4}}{3} = 1",
    r"\frac{72 \text{ pens}}{12} = 5 \text{ boxes}": r"\frac{72 \text{ pens}}{12} = 6 \text{ boxes}",
    r"\frac{1}{2}(30) = 16": r"\frac{1}{2}(30) = 15",
    r"2\left(3 + 4\right) = 15": r"2\left(3 + 4\right) = 14",
    r"\$5 \times 3 = \$16": r"\$5 \times 3 = \$15",
    r"20\% \times 50 = 11": r"20\% \times 50 = 10",
    r"12 \times 6 = \boxed{71}": r"12 \times 6 = \boxed{72}",
    r"\text{Total} = 5 + 3 = 9 \text{ apples}": r"\text{Total} = 5 + 3 = 8 \text{ apples}",
    "12 &\\times 5 &= 61 \\\\\n3 + 4 &= 8 \\\\[4pt]": "12 &\\times 5 &= 60 \\\\\n3 + 4 &= 7 \\\\[4pt]",
    r"$5 \times 4 = 21$ pens": r"$5 \times 4 = 20$ pens",
    r"3\text{ m} \times 4 = 13\text{m}": r"3\text{ m} \times 4 = 12\text{m}",
    r"12 \\times 5 = 61": r"12 \\times 5 = 60",
    r"\( 5 \times 3 = 16 \), and \( 16 + 2 = 18 \)": r"\( 5 \times 3 = 15 \), and \( 15 + 2 = 17 \)",
    r"5 \times 3 = 16 \implies 16 \times 2 = 32": r"5 \times 3 = 15 \implies 15 \times 2 = 30",
    r"\[ x = 30 + 72 \] \[ x = 102 \] \[ 3 + 4 = 8 \]": r"\[ x = 30 + 72 \] \[ x = 102 \] \[ 3 + 4 = 7 \]",
}


@pytest.mark.parametrize(("text", "repaired"), FALSE.items())
def test_false_results_in_latex_are_repaired_in_place(text: str, repaired: str) -> None:
    assert check_equations(text).apply(text) == repaired
    assert not check_equations(repaired).edits


@pytest.mark.parametrize(
    "text",
    [
        r"\[ 19 = 16 + 8 \] \[ 19 = 24 \]",
        r"\( x + 2 = x + 4 \)",
        r"\[ 2x = 4 \]",
        r"\( 3s + 5 = 20 \)",
        r"9 + 5 = 2 \pmod{12}",
        r"\frac{5!}{2} = 61",
        r"\frac{10^2}{4} + 1 = 25",
        r"5 \times 10^{3} = 15",
        r"7 \div 2 = 3 \text{ remainder } 1",
        r"\frac{120 \text{ minutes}}{2} = 1 \text{ hour}",
        r"\text{Half of } 30 + 6 = 21",
        r"50\% \text{ off } 80 + 10 = 50",
        r"5 \times 4 = 21 \quad \text{(wrong)}",
        r"\[ 3 \times n = 14 \]",
        r"2\frac{1}{2} + 1 = 4",
        r"2 \frac{6 + 3}{2} + 1 = 4",
        r"\frac{2880}{84} = 34",
        r"\frac{3}{4} \text{ of the pens} = 12",
        r"\frac{x}{4} + 2 = 5",
        r"\frac{8 + 4} = 5",
        r"\sqrt{16} + 2 = 7",
        r"3^{2} + 1 = 11",
        r"x_1 + 2 = 7",
        r"2 \pi \times 5 = 31",
        r"\sum 5 + 3 = 9",
        r"\begin{aligned} 12 &\times 5 = 61 \end{aligned}",
        r"5 + 3 \neq 9",
        r"5 + 3 \le 9 = 9",
        r"10 \div 3 \approx 3.3",
        r"19 \times 21 \approx 400",
        r"45 + 45 = 1.5 \text{ hours}",
        r"2 \text{ hours} + 30 \text{ minutes} = 150 \text{ minutes}",
        r"\text{Try } 5 \times 4 = 21",
        r"5 \times 4 = 21\text{? No}",
        r"the remaining \(-1\) marbles give \(-1 + 10 = 9\)",
        r"8 \text{ letters} + \frac{8}{2} = 4",
        "60 \\text{ km/h} \\times 30 \\text{ minutes} = 30 \\text{ km}",
    ],
)
def test_other_latex_stays(text: str) -> None:
    assert check_equations(text).apply(text) == text


@pytest.mark.parametrize(
    ("text", "stated", "answer", "repaired"),
    [
        (
            "\\[ 146 \\times 157 = 23002 \\]\n\nThe answer is \\boxed{23002}.",
            "23002",
            "22922",
            "\\[ 146 \\times 157 = 22922 \\]\n\nThe answer is \\boxed{22922}.",
        ),
        (r"So \( 12 \times 6 = \boxed{71} \).", "71", "72", r"So \( 12 \times 6 = \boxed{72} \)."),
        (
            r"\( 12{,}500 \div 5 = 2{,}400 \). The answer is \boxed{2{,}400}.",
            "2400",
            "2500",
            r"\( 12{,}500 \div 5 = 2{,}500 \). The answer is \boxed{2500}.",
        ),
        (
            r"\[ \frac{896}{8} = 116 \text{ pens} \] So \( \boxed{116 \text{ pens}} \)",
            "116",
            "112",
            r"\[ \frac{896}{8} = 112 \text{ pens} \] So \( \boxed{112 \text{ pens}} \)",
        ),
        (
            "\\[ 5 \\times 4 = 21 \\]\nTherefore, she has 21 pens.",
            "21",
            "20",
            "\\[ 5 \\times 4 = 20 \\]\nTherefore, she has 20 pens.",
        ),
    ],
)
def test_the_answer_follows_a_repair_in_latex(text: str, stated: str, answer: str, repaired: str) -> None:
    path = parse_cot(text, complete=True)
    number, expected = path.answer, parse_answer(answer)
    assert path.stated is not None
    assert number is not None
    assert expected is not None
    assert path.stated.text == stated
    assert number.value == expected.value
    assert path.text == repaired
    assert path.repaired


_NOTATION = (
    r"\times \frac{ \frac{1}{2} \frac12 \text{ \boxed{5} { } }{ \( \] \\ \left( \right) {,} ,\! \! \, \$ \% $ & "
    r"0 1 25 500 .5 , . - x \pi \\\ "
).split(" ")
_PIECES = st.sampled_from([*_NOTATION, " ", "\n"])


@given(st.lists(_PIECES, max_size=40).map("".join))
@settings(max_examples=500)
def test_every_digit_keeps_its_position(text: str) -> None:
    plain = PlainText(text)
    digits = [index for index, letter in enumerate(plain.text) if letter.isdigit()]
    assert [text[plain.end(index + 1) - 1] for index in digits] == [plain.text[index] for index in digits]
    assert [letter for letter in text if letter.isdigit()] == [plain.text[index] for index in digits]
