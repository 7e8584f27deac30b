"""Sample problems of documents, page and examples, with right answers."""

import csv
import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ANSWERS = {
    "A pen costs 3 dollars. How much do 7 pens cost?": "21",
    "How much do 7 pens cost at 3 dollars each?": "21",
    "A bakery made 54 cakes and 143 pastries. It sold 68 cakes and 92 pastries. How many more pastries than cakes did "
    "it sell?": "24",
    "Baker made 54 cakes and 143 pastries. If he sold 68 cakes and 92 pastries. How many more pastries than cakes did "
    "baker sell?": "24",
    "Baker made 54 cakes and 143 pastries. He sold 68 cakes and 92 pastries. How many more pastries than cakes did he "
    "sell?": "24",
    "Ann had 12 apples and gave 5 away. How many are left?": "7",
    "Rachel had 58 stickers. She gave 27 of them to her brother. How many stickers does she have left?": "31",
    "A farmer packs 432 eggs into boxes of 12. How many boxes does the farmer need?": "36",
    "There are 24 boxes with 8 crayons in each box. How many crayons are there in all?": "192",
    "Each pack of DVDs costs 76 dollars. There is a discount of 25 dollars on each pack. How much does each pack cost "
    "now?": "51",
    "A shop sells pens at 3 dollars each. Ann buys 7 pens and pays with a 50 dollar note. How much change does she "
    "get?": "29",
    "A bus has 40 seats. 26 people get on, and then 9 more. How many seats are still free?": "5",
    "Tom reads 15 pages every day. How many pages does he read in 2 weeks?": "210",
}
"""Right answer of each sample problem."""

FILES = [
    ROOT / "README.md",
    ROOT / "Makefile",
    ROOT / "deploy/helm/twinpath/templates/NOTES.txt",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "service/page").glob("*.js")),
    *sorted((ROOT / "service/page").glob("*.html")),
    # own_*: problems for a training, which no example sends to a service
    *sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file() and not path.name.startswith("own_")),
]
"""Files whose problems the demo must answer."""

_QUOTED = re.compile(r'"([^"\n]*\d[^"\n]*\?)"')
_DEFAULT_OF_MAKE = re.compile(r"^PROBLEM \?= (.*)$", re.MULTILINE)


def problems_in(path: Path) -> set[str]:
    """Problems of a file. In a CSV file they are cells that end with a question mark."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return {cell for row in csv.reader(text.splitlines()) for cell in row if cell.endswith("?")}
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return quoted(text) | set(_DEFAULT_OF_MAKE.findall(text))


def quoted(text: str) -> set[str]:
    """Quoted texts with a digit that end with a question mark."""
    return set(_QUOTED.findall(text))


def problems_of(document: Any) -> set[str]:
    """Problems in the strings of a JSON document."""
    if isinstance(document, str):
        return quoted(f'"{document}"')
    values = document.values() if isinstance(document, dict) else document if isinstance(document, list) else []
    return set().union(*map(problems_of, values))
