"""Build HTML in which every text is escaped.

Only this module makes :class:`Html`; a plain string is always text. A model's file chooses names,
descriptions and categories, so that none of them may become an element.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset({"br", "img", "input", "link", "meta"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


class Html(str):
    """HTML, with all texts in it escaped."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
Attribute: TypeAlias = "str | float | bool | None"


def element(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.

    Args:
        name: Its name.
        children: Texts, elements, or sequences of both; ``None`` is nothing.
        attributes: By name, with ``_`` for ``-`` and after a Python keyword. ``True`` is an
            attribute without a value, ``False`` and ``None`` leave it out.

    >>> element("a", "<b>", element("br"), href="/?a&b", class_="x", hidden=False)
    '<a href="/?a&amp;b" class="x">&lt;b&gt;<br></a>'
    """
    opening = "".join(_attribute(key, value) for key, value in attributes.items())
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not the name of an element")
    if name in _VOID:
        return Html(f"<{name}{opening}>")
    return Html(f"<{name}{opening}>{join(children)}</{name}>")


def join(child: Child) -> Html:
    """Return texts and elements behind each other.

    >>> join(["a < b", None, [element("i", 1)]])
    'a &lt; b<i>1</i>'
    """
    if child is None:
        return Html("")
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return Html(escape(str(child), quote=False))
    return Html("".join(map(join, child)))


def document(language: str, head: Child, body: Child, **attributes: Attribute) -> Html:
    """Return a whole page."""
    return Html(
        "<!DOCTYPE html>\n"
        + element("html", element("head", head), body, lang=language, **attributes)
    )


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not the name of an attribute")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
