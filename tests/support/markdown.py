"""Cells of Markdown tables, for tests of figures."""


def rows(text: str) -> list[dict[str, str]]:
    """Rows of every table in a text, as cells by column heading."""
    found: list[dict[str, str]] = []
    heads: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            heads = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not heads:
            heads = cells
        elif not set(line) <= set("|-: "):
            found.append(dict(zip(heads, cells, strict=True)))
    return found
