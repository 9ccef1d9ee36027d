"""Generated clients overwrite nothing, whatever models are called."""

from __future__ import annotations

import itertools
import re

import pytest

from inference.web.openapi.identifiers import can_be_attributes, identify, name_constants

NAMES = ["".join(signs) for n in (1, 2, 3) for signs in itertools.product("a2-_.", repeat=n)]
VALID = [name for name in NAMES if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name)]


def squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def test_no_two_models_share_a_name_in_code() -> None:
    found = identify(VALID)
    assert len({squeezed(i.pascal) for i in found.values()}) == len(VALID)
    assert len({squeezed(i.snake) for i in found.values()}) == len(VALID)
    assert all(i.pascal.isidentifier() and i.snake.isidentifier() for i in found.values())


def test_a_name_does_not_depend_on_other_names_where_nothing_clashes() -> None:
    alone = identify(["penguins-forest"])["penguins-forest"]
    assert alone == ("PenguinsForest", "penguins_forest")
    assert identify(["a", "penguins-forest", "z"])["penguins-forest"] == alone


@pytest.mark.parametrize("name", ["selected", "by-name", "by_version", "bYname".lower()])
def test_a_model_takes_no_name_of_ours(name: str) -> None:
    [found] = identify([name]).values()
    assert found.snake.endswith("_2")


@pytest.mark.parametrize(
    "values",
    [
        ["Yes", "yes", "YES"],
        ["a b", "a-b"],
        ["", " ", "!"],
        ["ß", "ss", "SS"],
        ["1", "2"],
        ["日", "本"],
    ],
)
def test_constants_that_would_clash_are_named_apart(values: list[str]) -> None:
    names = name_constants(values).get("x-enum-varnames", values)
    assert len({squeezed(name) or name for name in names}) == len(values)


def test_columns_that_differ_by_signs_alone_cannot_be_attributes() -> None:
    assert can_be_attributes(["Age", "age", "sepal length (cm)"])
    assert not can_be_attributes(["a b", "a-b"])
