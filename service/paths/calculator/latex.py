r"""Plain text of LaTeX arithmetic: `\frac{12}{4} \times 2` becomes `12/4 × 2`.

Only the notation of plain arithmetic is rewritten. Other commands keep their backslash, which the tokenizer does not
support. Every character keeps its position in the original text. Takes linear time and never raises.
"""

import re

from service.paths.work import spend

_SIGNS = {
    "times": "×",
    "cdot": "·",
    "div": "÷",
    "ast": "*",
    "approx": "≈",
    **dict.fromkeys(("ne", "neq"), "≠"),
    **dict.fromkeys(("le", "leq", "leqslant", "lt"), "<"),
    **dict.fromkeys(("ge", "geq", "geqslant", "gt"), ">"),
    **dict.fromkeys(("implies", "Rightarrow", "Longrightarrow"), "=>"),
    **dict.fromkeys(("to", "rightarrow", "longrightarrow"), "->"),
    **dict.fromkeys(("quad", "qquad", "displaystyle", "textstyle"), " "),
}
_DELIMITERS = {"(": " ", ")": " ", "[": " ", "]": "\n"}
_FIXED = {"bracket": "", "row": "\n", "joint": ",", "space": " ", "start": ":"}  # \(-1 has a sign, no operator
_WORK = 3  # of a command or a brace
_TOP, _BOTTOM = ")/(", "))"  # text of the closing braces of a fraction
_AMOUNT = r"[0-9]{1,15}(?:,[0-9]{3}){0,4}(?:\.[0-9]{1,15})?"
_NOTATION = re.compile(
    rf"""\\{{1,2}}[cdt]?frac[ ]?
      (?:\{{(?P<top>{_AMOUNT})\}}[ ]?\{{(?P<bottom>{_AMOUNT})\}}|(?P<digits>[0-9][0-9]))(?![\w(\[{{]|[.,][0-9])
    |(?P<fraction>\\{{1,2}}[cdt]?frac[ ]?\{{)
    |\\{{1,2}}(?P<group>text(?:bf|it|rm|sf|normal)?|math(?:bf|it|rm|sf)|[fm]box|boxed|emph)[ ]?\{{
    |(?P<bracket>\\{{1,2}}(?:left(?=[(\[])|right(?=[)\]])))
    |\\{{1,2}}(?P<name>[A-Za-z]+)
    |(?P<row>\\\\\[[0-9.]{{1,5}}[a-z]{{2}}\]|\\\\(?![(\[)\]$%*]))
    |(?P<start>\\{{1,2}}[(\[](?=\s?-[0-9]))
    |\\{{1,2}}(?P<delimiter>[()\[\]])
    |\\{{1,2}}(?P<escaped>[$%*])
    |\\(?P<brace>[{{}}])
    |(?P<joint>(?<=[0-9])(?:\{{,\}}|,\\!)(?=[0-9]{{3}}))
    |(?P<space>\\[,;:!\s]|&(?=[ ]?[=\\])|(?<=[\w)}}%])\$(?!\w))
    |(?P<term>(?<=[0-9])[ghlmsL](?![A-Za-z]))
    |(?P<open>\{{)|(?P<close>\}})""",
    re.VERBOSE,
)


class PlainText:
    """Text with its LaTeX arithmetic rewritten, and positions in the original text."""

    def __init__(self, original: str) -> None:
        self.original, self.text = original, original
        self._parts: list[str] = []
        self._positions: list[int] = []  # by character of the plain text; empty if both texts are equal
        self._before = ""  # last character but spaces
        if "\\" in original or "{,}" in original:
            self._rewrite()
            self.text = "".join(self._parts)

    def end(self, end: int) -> int:
        """Position in the original text after the character before `end`."""
        return self._positions[end - 1] + 1 if self._positions and end else end

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in the original text of what is written in the plain text, with the notation around it."""
        if not self._positions or start >= end:
            return start, end
        positions = self._positions[start:end]
        first, last = min(positions), max(positions) + 1
        missing = self.original.count("{", first, last) - self.original.count("}", first, last)
        while missing > 0 and self.original[last : last + 1] == "}":
            last, missing = last + 1, missing - 1
        return first, last

    def edits(self, edits: dict[int, tuple[int, str]]) -> dict[int, tuple[int, str]]:
        """Edits of the plain text as edits of the original text, in the same form."""
        if not self._positions:
            return edits
        placed: dict[int, tuple[int, str]] = {}
        for first, (last, new) in edits.items():
            start, end = self._positions[first], self.end(last)
            placed[start] = end, new.replace(",", "{,}") if "{,}" in self.original[start:end] else new
        return placed

    def _rewrite(self) -> None:
        closers: list[str] = []  # by open brace, the text of the closing one
        last = 0
        for found in _NOTATION.finditer(self.original):
            spend(_WORK)
            start, end = found.span()
            if start < last:
                continue  # the second opening brace of a fraction
            self._keep(last, start)
            last, kind = end, found.lastgroup or ""
            if kind == "close":
                last = self._close(closers.pop() if closers else "}", closers, end)
            elif kind in ("open", "fraction") and (kind == "open" or self._before.isdigit()):
                closers.append("}")
                self._keep(start, end)
            elif kind == "fraction":
                closers.append(_TOP)
                self._write("((", start)
            elif kind == "term":
                self._write("" if closers[-1:] == [" "] else "\\", start)  # 3s is a unit in \text{} only
                self._keep(start, end)
            elif kind == "group":
                closers.append(" ")
                self._space(start)
            elif kind in ("bottom", "digits"):
                self._fraction(found)
            else:
                self._sign(kind, found)
        self._keep(last, len(self.original))

    def _close(self, closer: str, closers: list[str], end: int) -> int:
        """Handle a closing brace, and return the end of the notation that was read."""
        if closer == " ":
            self._space(end - 1)
            return end
        if closer == _TOP:
            if self.original[end : end + 1] != "{":
                self._write(")\\", end - 1)  # no second part: unsupported
                return end
            closers.append(_BOTTOM)
            end += 1
        self._write(closer, end - 1)
        return end

    def _fraction(self, found: re.Match[str]) -> None:
        """Write a fraction of two numbers. A mixed number (2 and 1/2) stays as it is."""
        if self._before.isdigit():
            self._keep(*found.span())
            return
        start, end = found.span("digits")
        top, bottom = ((start, start + 1), (start + 1, end)) if found["digits"] else (found.span(1), found.span(2))
        self._keep(*top)
        self._write("/", found.start())
        self._keep(*bottom)

    def _sign(self, kind: str, found: re.Match[str]) -> None:
        """Write a sign or a space. An unknown command stays as it is."""
        new = _FIXED.get(kind, found[kind])
        if kind == "name":
            new = _SIGNS.get(found["name"], "")
        elif kind == "delimiter":
            new = _DELIMITERS[found["delimiter"]]
        if new == " ":
            self._space(found.start())
        elif kind == "name" and not new:
            self._keep(*found.span())
        else:
            self._write(new, found.start())

    def _space(self, start: int) -> None:
        """Write a space, unless there is one before it."""
        if not self._parts or not self._parts[-1][-1:].isspace():
            self._write(" ", start)

    def _keep(self, start: int, end: int) -> None:
        """Write `original[start:end]`, without a space after another one."""
        if self._parts and self._parts[-1].endswith(" "):
            start += end - start - len(self.original[start:end].lstrip(" "))
        if start < end:
            self._add(self.original[start:end])
            self._positions.extend(range(start, end))

    def _write(self, new: str, start: int) -> None:
        """Write new text for the notation at `start`."""
        if new:
            self._add(new)
            self._positions.extend([start] * len(new))

    def _add(self, part: str) -> None:
        self._parts.append(part)
        self._before = part.rstrip()[-1:] or self._before
