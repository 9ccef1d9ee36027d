from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.contract import Feature, Histogram, Sample
from inference.web.pages.model.form import Form
from inference.web.pages.texts import load_texts
from unit.inference.web.pages.test_html import HOSTILE, Parsed

if TYPE_CHECKING:
    from inference.model.contract import Scalar

TEXTS = load_texts()["en"]
NUMBER = Feature(
    "mass",
    "number",
    "X",
    example=4.5,
    unit="g",
    description="of the whole",
    minimum=1.0,
    maximum=9.0,
    histogram=Histogram([1.0, 2.0, 4.0, 9.0], [5, 5, 5]),
)


def make(*features: Feature, samples: list[Sample] | None = None) -> Parsed:
    contract: Any = SimpleNamespace(features=list(features), samples=samples or [], background=None)
    servable: Any = SimpleNamespace(features=list(features), contract=contract)
    return Parsed(Form(TEXTS, servable).make())


def find(parsed: Parsed, tag: str, **wanted: str) -> list[dict[str, str | None]]:
    return [
        attributes
        for name, attributes in parsed.elements
        if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
    ]


def test_number_has_a_field_a_slider_and_its_histogram() -> None:
    parsed = make(NUMBER)
    (field,) = find(parsed, "input", type="number")
    assert (field["value"], field["step"]) == ("4.5", "any")
    (slider,) = find(parsed, "input", type="range")
    assert float(slider["min"] or "") < 1.0
    assert float(slider["max"] or "") > 9.0
    assert len(find(parsed, "rect")) == 3
    for shown in ("mass", " g", "of the whole · in training 1 to 9"):
        assert shown in parsed.text


def test_number_without_a_range_has_no_slider() -> None:
    parsed = make(Feature("x[0]", "number", "X", example=0))
    assert find(parsed, "input", type="range") == []
    assert find(parsed, "input", type="number")[0]["value"] == "0"


@pytest.mark.parametrize(("least", "mode"), [(0.0, "decimal"), (-1.0, None), (None, None)])
def test_phone_shows_a_keyboard_with_a_minus_sign_where_one_may_be_typed(
    least: float | None, mode: str | None
) -> None:
    parsed = make(Feature("x", "number", "X", example=0, minimum=least, maximum=5.0))
    assert find(parsed, "input", type="number")[0].get("inputmode") == mode


def test_integer_moves_in_whole_steps() -> None:
    parsed = make(Feature("n", "integer", "X", example=3, minimum=1, maximum=5))
    assert find(parsed, "input", type="number")[0]["step"] == "1"
    assert find(parsed, "input", type="range")[0]["step"] == "1"


def test_category_is_a_drop_down_that_keeps_the_types_of_its_values() -> None:
    parsed = make(Feature("c", "category", "X", example=2, categories=[1, 2, 3]))
    (select,) = find(parsed, "select")
    assert json.loads(select["data-values"] or "") == [1, 2, 3]
    options = find(parsed, "option")
    assert [option["value"] for option in options if "selected" in option] == ["1"]


def test_open_category_is_a_text_with_suggestions() -> None:
    known: list[str | int] = ["a", "b"]
    parsed = make(
        Feature("c", "category", "X", example="a", categories=known, open_categories=True)
    )
    (field,) = find(parsed, "input", type="text")
    assert field["list"] == "known-0"
    assert [option["value"] for option in find(parsed, "option")] == ["a", "b"]


def test_category_without_an_end_is_not_a_drop_down() -> None:
    many: list[str | int] = [f"c{number}" for number in range(10_000)]
    parsed = make(Feature("c", "category", "X", example="c1", categories=many))
    assert find(parsed, "select") == []
    assert len(find(parsed, "option")) == 500


def test_boolean_is_true_or_false() -> None:
    parsed = make(Feature("b", "boolean", "X", example=True))
    assert json.loads(find(parsed, "select")[0]["data-values"] or "") == [False, True]
    assert "falsetrue" in parsed.text


@pytest.mark.parametrize("example", [None, 4.5])
def test_only_a_nullable_feature_has_a_tick_for_missing(example: Scalar) -> None:
    parsed = make(Feature("x", "number", "X", example=example, nullable=True), NUMBER)
    (tick,) = find(parsed, "input", type="checkbox")
    assert ("checked" in tick) is (example is None)


def test_fields_are_bounded_and_the_record_is_whole() -> None:
    parsed = make(*(Feature(f"x{number}", "number", "X", example=0.5) for number in range(10_000)))
    assert len(find(parsed, "input", type="number")) == 300
    (form,) = find(parsed, "form")
    assert len(json.loads(form["data-record"] or "")) == 10_000
    assert "9,700 more features" in parsed.text


def test_examples_begin_with_one_of_each_answer() -> None:
    samples = [Sample([float(index)], label) for index, label in enumerate("aaaaaaaaabc")]
    parsed = make(Feature("x", "number", "X", example=0), samples=samples)
    rows = [json.loads(button["data-sample"] or "") for button in find(parsed, "button")]
    assert [row["x"] for row in rows] == [0, 9, 10, 1, 2, 3]


@pytest.mark.parametrize("text", HOSTILE)
def test_everything_from_the_file_is_text(text: str) -> None:
    category = Feature(
        text, "category", "X", example=text, unit=text, description=text, categories=[text, "b"]
    )
    opened = Feature("o", "category", "X", example=text, categories=[text], open_categories=True)
    parsed = make(category, opened, samples=[Sample([text, text], text)])
    tags = {tag for tag, _ in parsed.elements}
    assert tags <= {
        *("form", "h2", "div", "span", "button", "label", "select", "option", "input", "datalist"),
        "p",
    }
    assert not [key for _, attributes in parsed.elements for key in attributes if key[:2] == "on"]
    assert find(parsed, "div", **{"data-feature": text})
    assert json.loads(find(parsed, "form")[0]["data-record"] or "")[text] == text
