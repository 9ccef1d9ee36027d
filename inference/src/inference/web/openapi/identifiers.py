"""Names of models in code: the classes and functions of generated clients.

Generators change case and drop separators, each in its own way. Two models whose names differ only
in these, such as ``a-b`` and ``a_b``, would overwrite each other's code, so the second is numbered.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ASCII_WORDS = re.compile(r"[A-Z0-9]+")
_SEPARATORS = re.compile(r"[._-]+")
# "predict_by_name" and "SelectedRecord" always exist.
_RESERVED = frozenset({"selected", "byname", "byversion"})


class Identifier(NamedTuple):
    """The name of one model in code.

    Attributes:
        pascal: As part of a class's name, such as ``PenguinsForest``.
        snake: As part of a function's name, such as ``penguins_forest``.
    """

    pascal: str
    snake: str


SELECTED = Identifier("Selected", "selected")


def identify(names: Iterable[str]) -> dict[str, Identifier]:
    """Return a unique identifier for each model, regardless of case and separators.

    >>> identify(["penguins-forest", "penguins_forest", "3d"])["penguins_forest"]
    Identifier(pascal='PenguinsForest2', snake='penguins_forest_2')
    """
    taken = set(_RESERVED)
    found: dict[str, Identifier] = {}
    for name in sorted(names):
        words = [word for word in _SEPARATORS.split(name) if word]
        if words[0][0].isdigit():
            words.insert(0, "model")
        plain, number = "".join(words), 1
        while plain + (str(number) if number > 1 else "") in taken:
            number += 1
        if number > 1:
            words.append(str(number))
        taken.add("".join(words))
        pascal = "".join(word[0].upper() + word[1:] for word in words)
        found[name] = Identifier(pascal, "_".join(words))
    return found


def name_constants(values: Sequence[str]) -> dict[str, list[str]]:
    """Name the constants for some strings, where generators would choose equal names.

    Returns:
        The schema member for generators; empty if the strings are good names themselves.

    >>> name_constants(["Adelie", "Gentoo"]), name_constants(["a b", "a-b", "3"])
    ({}, {'x-enum-varnames': ['A_B', 'A_B_2', 'VALUE_3']})
    """
    keys = {"".join(filter(str.isalnum, value.upper().casefold())) for value in values}
    if len(keys) == len(values) and all(value[:1].isalpha() for value in values):
        return {}
    names: list[str] = []
    taken: set[str] = set()
    for value in values:
        words = _ASCII_WORDS.findall(unicodedata.normalize("NFKD", value).upper())
        if not words or words[0][0].isdigit():
            words.insert(0, "VALUE")
        name, number = "_".join(words), 1
        while name.replace("_", "") in taken:
            number += 1
            name = "_".join([*words, str(number)])
        taken.add(name.replace("_", ""))
        names.append(name)
    return {"x-enum-varnames": names}


def enumerate_values(values: list[Any]) -> dict[str, Any]:
    """Return the enumeration of values of one type, strings or integers."""
    is_text = isinstance(values[0], str)
    return {"enum": values} | (name_constants(values) if is_text else {})


def can_be_attributes(names: Sequence[str]) -> bool:
    """Whether generators can make attributes of all names: no two differ only by punctuation.

    >>> can_be_attributes(["bill length (mm)", "Age", "age"]), can_be_attributes(["a/b", "a-b"])
    (True, False)
    """
    keys = {"".join(sign for sign in name if sign.isalnum() or sign == "_") for name in names}
    return len(keys) == len(names)
