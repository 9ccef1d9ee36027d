"""The rules for the values of a feature, in one table.

========  =======================================  =============================================
kind      JSON value                               ONNX input
========  =======================================  =============================================
number    number                                   float or double
integer   number without a fraction                integer, float or double
boolean   ``true`` or ``false``                    bool, or a number (0 and 1)
category  one of ``categories``, strings or ints   string, or a number where categories are ints
========  =======================================  =============================================

``null`` is valid where ``nullable`` is true: it becomes NaN on a float input and ``""`` on a string
input.

The typed decoder and the row checker of :mod:`inference.serving.rows` and the check of a contract
against its graph (:mod:`inference.model.features`) use this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from inference.model.contract import Feature

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_NULLABLE_INPUTS = "fO"


class ValueRule(NamedTuple):
    """What a value of one kind may be.

    Attributes:
        json_type: What msgspec decodes it as.
        types: Its Python types; a boolean counts as a number only where ``bool`` is listed.
        expected: What an error message calls it.
        inputs: NumPy's kinds of the ONNX inputs that hold it.
    """

    json_type: Any
    types: tuple[type, ...]
    expected: str
    inputs: str

    @property
    def is_whole(self) -> bool:
        """Whether numbers are integers, for which JSON may have ``3.0``, too."""
        return int in self.types and float not in self.types

    def accepts(self, value: Any) -> bool:
        """Whether a value has the right type."""
        if isinstance(value, bool):  # to Python a bool is an int
            return bool in self.types
        return isinstance(value, self.types)


_INT64 = Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)]
_RULES = {
    "number": ValueRule(float, (int, float), "a number", "f"),
    "integer": ValueRule(_INT64, (int,), "an integer", "iuf"),
    "boolean": ValueRule(bool, (bool,), "true or false", "biuf"),
}
_TEXT_CATEGORY = ValueRule(str, (str,), "a string", "O")
_INTEGER_CATEGORY = ValueRule(int, (int,), "an integer", "Oiuf")


def rule_of(feature: Feature) -> ValueRule:
    """Return the rule for the values of a feature, ``null`` and the list of categories aside."""
    if feature.kind != "category":
        return _RULES[feature.kind]
    first = feature.categories[0] if feature.categories else ""
    return _TEXT_CATEGORY if isinstance(first, str) else _INTEGER_CATEGORY


def is_open(feature: Feature) -> bool:
    """Whether a category also takes values that its list lacks."""
    return feature.open_categories or not feature.categories


def json_type_of(feature: Feature) -> Any:
    """Return the type that msgspec decodes a feature's values as, ``null`` included."""
    kind = rule_of(feature).json_type
    if feature.kind == "category" and not is_open(feature):
        kind = Literal[tuple(feature.categories or ())]
    return kind | None if feature.nullable else kind


def wrong_input(feature: Feature, input_kind: str) -> str | None:
    """Return why an ONNX input cannot hold a feature's values; ``None`` if it can.

    Args:
        feature: The feature.
        input_kind: NumPy's kind of the input's elements.
    """
    if input_kind not in rule_of(feature).inputs:
        return (
            f"feature '{feature.name}' is a {feature.kind}, which input '{feature.input}' "
            "cannot hold"
        )
    if feature.nullable and input_kind not in _NULLABLE_INPUTS:
        return f"feature '{feature.name}' may be null, but input '{feature.input}' holds no null"
    return None
