"""The panels of a model's page: what they say, and that texts of the file stay texts."""

from __future__ import annotations

import ast
import json
import shlex
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest

from inference.model.contract import Feature
from inference.model.servable import Servable
from inference.repository.snapshot import Model, Version
from inference.repository.traffic.choice import Shadow, Traffic
from inference.web.pages.model.card import make_card
from inference.web.pages.model.live import make_live
from inference.web.pages.model.usage import make_usage
from inference.web.pages.model.versions import make_versions
from inference.web.pages.overview import describe_task, headline
from inference.web.pages.texts import load_texts
from support.models.artifacts import (
    FLOAT,
    INT64,
    STRING,
    contract,
    graph,
    mixed,
    node,
    penguins,
    regressor,
    value,
    with_contract,
)
from unit.inference.web.pages.test_html import HOSTILE, Parsed

TEXTS = load_texts()["en"]
TASKS = (
    "classification",
    "regression",
    "multioutput_classification",
    "outlier_detection",
    "clustering",
    "transformation",
)


@pytest.fixture(scope="module", params=[penguins, mixed, regressor])
def servable(request: pytest.FixtureRequest) -> Servable:
    return Servable.load("m", 1, request.param())


def hostile(text: str) -> Any:
    """Return a servable whose contract has a hostile text wherever a text may be."""
    servable = Servable.load("m", 1, mixed())
    assert servable.contract is not None
    plain = msgspec.to_builtins(servable.contract)
    for feature in plain["features"]:
        feature |= {"name": text, "unit": text, "description": text}
        if feature.get("categories"):
            feature |= {"categories": [text], "example": text}
    plain["training"] |= {"description": text, "estimator": text, "git_commit": text, "time": text}
    plain["training"] |= {"versions": {text: text}, "data_sha256": text}
    metrics = {"rows": 2, "accuracy": 0.5, "confusion_matrix": [[1, 0], [1, 0]]}
    plain["training"]["metrics"] = metrics
    plain |= {"classes": [text, "b"], "task": "classification", "samples": []}
    contract = msgspec.convert(plain, type(servable.contract))
    names = {"contract": contract, "features": contract.features, "digest": "d", "version": 1}
    return SimpleNamespace(**names, signature=servable.signature, name="m")


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_the_file_stay_texts(text: str) -> None:
    servable = hostile(text)
    version = Version(1, "quarantined", reason=text)
    model = Model("m", {1: version, 2: Version(2, "ready", servable=servable)}, active=servable)
    for html in (
        make_card(TEXTS, servable),
        make_versions(TEXTS, model),
        make_usage(TEXTS, "m", servable, keyed=True),
        make_live(TEXTS, model, servable),
    ):
        parsed = Parsed(html)
        assert {"script", "img", "title"}.isdisjoint(tag for tag, _ in parsed.elements)
        assert not [
            key for _, attributes in parsed.elements for key in attributes if key[:2] == "on"
        ]


def test_card_says_where_the_model_comes_from(servable: Servable) -> None:
    text = Parsed(make_card(TEXTS, servable)).text
    contract = servable.contract
    assert contract is not None
    assert servable.digest in text
    assert contract.training.data_sha256 in text
    for feature in contract.features:
        assert feature.name in text


def test_confusion_matrix_is_shaded_by_row() -> None:
    html = make_card(TEXTS, hostile("a"))
    assert '<td class="right s5">1</td><td class="miss s0">0</td>' in html
    assert '<td class="miss s5">1</td><td class="right s0">0</td>' in html


def test_versions_offer_only_what_makes_sense(servable: Servable) -> None:
    ready = {number: Version(number, "ready", servable=servable) for number in (1, 3)}
    versions = {**ready, 2: Version(2, "unloaded"), 4: Version(4, "quarantined", reason="bad")}
    active: Any = SimpleNamespace(version=3)
    ordered = dict(sorted(versions.items()))

    def offers(pinned: int | None) -> list[tuple[str | None, str | None]]:
        model = Model("m", ordered, active=active, pinned=pinned)
        elements = Parsed(make_versions(TEXTS, model)).elements
        found = [attributes for tag, attributes in elements if tag == "button"]
        return [(one["data-pin"], one["data-question"]) for one in found]

    assert offers(None) == [
        ("3", "Keep version 3?"),
        ("2", "Really roll back to version 2?"),
        ("1", "Really roll back to version 1?"),
    ]
    assert [pin for pin, _ in offers(3)] == ["latest", "2", "1"]


@pytest.mark.parametrize("traffic", [None, Traffic("t", shadow=Shadow(2))])
def test_live_panel_offers_to_end_a_traffic_only_if_there_is_one(
    servable: Servable, traffic: Traffic | None
) -> None:
    model = Model("m", {1: Version(1, "ready", servable=servable)}, servable, traffic=traffic)
    parsed = Parsed(make_live(TEXTS, model, servable))
    assert "Version 1 answers all requests." in parsed.text
    assert ("Version 2 is their shadow" in parsed.text) is (traffic is not None)
    buttons = [attributes for tag, attributes in parsed.elements if tag == "button"]
    assert [one["id"] for one in buttons] == ["end-traffic"] * (traffic is not None)


def code_of(servable: Servable, title: str, *, keyed: bool) -> str:
    parts = make_usage(TEXTS, "m", servable, keyed=keyed).split("<section")
    section = next(part for part in parts if f"<h2>{title}</h2>" in part)
    code = Parsed(section.partition("<code")[2].join(("<code", ""))).text
    assert code
    return code


@pytest.mark.parametrize("keyed", [False, True])
def test_curl_sends_a_valid_record(servable: Servable, *, keyed: bool) -> None:
    words = shlex.split(code_of(servable, "curl", keyed=keyed).replace("\\\n", " "))
    record = json.loads(words[words.index("-d") + 1])
    assert list(record) == [feature.name for feature in servable.features or []]
    assert ("Authorization: Bearer $API_KEY" in words) is keyed


@pytest.mark.parametrize("title", ["Python, httpx", "Notebook"])
@pytest.mark.parametrize("keyed", [False, True])
def test_python_is_python(servable: Servable, title: str, *, keyed: bool) -> None:
    ast.parse(code_of(servable, title, keyed=keyed))


def test_triton_client_is_python_and_names_the_inputs() -> None:
    servable = Servable.load("m", 1, penguins())
    code = code_of(servable, "Triton client", keyed=True)
    ast.parse(code)
    assert '"X", list(values.shape), "FP32"' in code


def test_triton_client_sends_the_characters_of_the_record() -> None:
    code = code_of(hostile("\N{ROOSTER}"), "Triton client", keyed=False)
    texts = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    assert "\N{ROOSTER}" in texts


BIG = 2**53 + 1
FEATURES = [
    Feature("n", "number", "X", 1.5),
    Feature("wild", "boolean", "X", example=True),
    Feature("id", "integer", "id", BIG),
    Feature("text", "category", "text", "é", categories=["é"]),
]


def on_several_inputs() -> Servable:
    """Make a model of columns of every kind, two of which share an input."""
    encoded = graph(
        [node("ReduceSum", ["X"], ["label"], keepdims=1)],
        [value("X", FLOAT, "n", 2), value("id", INT64, "n", 1), value("text", STRING, "n", 1)],
        [value("label", FLOAT, "n", 1)],
    )
    return Servable.load("m", 1, with_contract(encoded, contract(FEATURES, None)))


def test_triton_client_sends_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, list[int], str, Any, str]] = []

    class Input:
        def __init__(self, *described: Any) -> None:
            self.described = described

        def set_data_from_numpy(self, array: Any) -> None:
            sent.append((*self.described, array.tolist(), array.dtype.name))

    client = SimpleNamespace(
        InferInput=Input, InferenceServerClient=lambda _: MagicMock(spec=["infer"])
    )
    monkeypatch.setitem(sys.modules, "tritonclient", SimpleNamespace(http=client))
    monkeypatch.setitem(sys.modules, "tritonclient.http", client)
    exec(code_of(on_several_inputs(), "Triton client", keyed=False), {})  # noqa: S102 - it is ours
    assert sent == [
        ("X", [1, 2], "FP32", [[1.5, 1.0]], "float32"),
        ("id", [1, 1], "INT64", [[BIG]], "int64"),
        ("text", [1, 1], "BYTES", [["é"]], "object"),
    ]


def test_javascript_sends_all_digits_of_an_integer(servable: Servable) -> None:
    """A literal in its code would be rounded to 53 bits."""
    code = code_of(on_several_inputs(), "JavaScript", keyed=False)
    text = json.loads(code.partition("const record = ")[2].partition(";\n")[0])
    assert json.loads(text) == {"n": 1.5, "wild": True, "id": BIG, "text": "é"}
    assert "  body: record,\n" in code
    assert "  body: JSON.stringify(record),\n" in code_of(servable, "JavaScript", keyed=False)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_name_in_each_language(task: str) -> None:
    contract: Any = SimpleNamespace(task=task, classes=None, features=[1, 2])
    for texts in load_texts().values():
        assert "2" in describe_task(texts, contract)


def test_model_without_metrics_has_no_figure() -> None:
    assert headline(TEXTS, None) == ("Accuracy", "-")
