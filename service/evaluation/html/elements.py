"""HTML and SVG elements that escape every text."""

from html import escape

_VOID = frozenset({"meta", "line", "rect", "circle", "path", "polyline", "polygon"})


class Html(str):
    """Markup. Every other string is text, which `element` escapes."""

    __slots__ = ()


def element(name: str, *children: str | None, **attributes: str | float | None) -> Html:
    """Element with escaped texts and attributes.

    Args:
        name: name of the element.
        children: markup and texts. None is left out.
        attributes: attributes by name. `class_` is `class`, and other underscores are hyphens. None is left out.
    """
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    written = "".join(
        f' {names[key]}="{escape(_text(value))}"' for key, value in attributes.items() if value is not None
    )
    end = "/>" if name in _VOID else f">{join(*children)}</{name}>"
    return Html(f"<{name}{written}{end}")


def join(*children: str | None) -> Html:
    """Markup and texts, one after the other."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child is not None))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
