from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from inference.errors import ArtifactError, ContractError
from inference.model.contract import Feature, Outputs, Parity, Sample
from inference.model.contract_codec import (
    METADATA_KEY,
    check_contract,
    decode_contract,
    encode_contract,
)
from inference.model.servable import Servable
from support.models.artifacts import (
    MIXED,
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    message,
    mixed,
    penguins,
    with_contract,
)

SAMPLE = Sample([1.0, 2.0, 3.0, 4.0], "Adelie", [1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    "described",
    [
        contract(measurements(), SPECIES, [SAMPLE]),
        contract(measurements(), [1, 2]),
        contract(measurements(), [False, True], outputs=Outputs("label", "p", [0, 1])),
        contract(MIXED, ["a", "b"]),
        contract(measurements(), None, targets=["a", "b"]),
    ],
)
def test_what_is_written_is_read_back(described: Any) -> None:
    read = decode_contract(encode_contract(described))
    assert read == described
    assert [type(c) for c in read.classes or []] == [type(c) for c in described.classes or []]


@pytest.mark.parametrize("document", ["", "{", "null", "[]", "{}", '{"contract_version": "1"}',
                                      "[" * 100_000, b"\xff", '"\\ud800"'])  # fmt: skip
def test_what_is_no_contract_is_refused(document: str | bytes) -> None:
    with pytest.raises(ContractError, match="is not a contract"):
        decode_contract(document)


def test_a_newer_contract_is_told_by_its_version_whatever_else_it_holds() -> None:
    with pytest.raises(ContractError, match=r"has version 2, this service reads version 1"):
        decode_contract('{"contract_version": 2, "features": "of another kind"}')


def test_what_a_later_release_adds_is_passed_over() -> None:
    document = json.loads(encode_contract(contract(measurements(), SPECIES)))
    document["added"] = {"later": 1}
    assert decode_contract(json.dumps(document)).classes == list(SPECIES)


@pytest.mark.parametrize(
    ("features", "classes", "more", "complaint"),
    [
        ([], SPECIES, {}, "it has no features"),
        ([measurements()[0]] * 2, SPECIES, {}, "two features have the same name"),
        ([Feature("", "number", "X")], SPECIES, {}, "a feature has an empty name"),
        ([Feature("c", "category", "X")], SPECIES, {}, "category 'c' lists no categories"),
        ([Feature("c", "category", "X", categories=[1, "a"])], SPECIES, {}, "both strings and int"),
        ([Feature("c", "category", "X", categories=[2**63])], SPECIES, {}, "beyond 64 bits"),
        (measurements(), [], {}, "lists no classes"),
        (measurements(), ["1", 1], {}, "two classes have the same name"),
        (measurements(), SPECIES, {"outputs": Outputs("l", None, [0])}, "1 encoded classes"),
        (measurements(), SPECIES, {"samples": [Sample([1.0], "Adelie")]}, "has 1 values for 4"),
        (measurements(), SPECIES, {"samples": [Sample(SAMPLE.row, "Emperor")]}, "is not a class"),
        (measurements(), [0, 1], {"samples": [Sample(SAMPLE.row, True)]}, "True, which is no"),
        (
            measurements(),
            SPECIES,
            {"samples": [Sample(SAMPLE.row, "Adelie", [1.0])]},
            "1 probabilities",
        ),
        (measurements(), SPECIES, {"parity": Parity(1, 1.0, 0.0, float("inf"))}, "tolerance"),
    ],
)
def test_an_inconsistent_contract_is_refused(
    features: list[Feature], classes: Any, more: dict[str, Any], complaint: str
) -> None:
    described = contract(features, classes, **more)
    with pytest.raises(ContractError, match=complaint):
        check_contract(described)
    with pytest.raises(ContractError, match=complaint):
        encode_contract(described)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"features": [Feature("a", "number", "Z", example=1.0)]}, r"feeds the inputs \['Z'\]"),
        ({"features": measurements()[:3]}, "3 features for input 'X', which has 4 columns"),
        ({"outputs": Outputs("nothing")}, "names the output 'nothing', which the graph lacks"),
        ({"outputs": Outputs("label", "nothing")}, "names the output 'nothing'"),
    ],
)
def test_a_contract_that_speaks_of_another_graph_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    described = msgspec.structs.replace(contract(measurements(), SPECIES), **changes)
    with pytest.raises(ArtifactError, match=complaint):
        Servable.load("m", 1, with_contract(classifier_graph(SPECIES), described))


def test_null_is_refused_for_an_input_that_holds_none() -> None:
    features = [msgspec.structs.replace(f, nullable=True) if f.name == "age" else f for f in MIXED]
    described = contract(features, ["big", "small"])
    with pytest.raises(ArtifactError, match="feature 'age' may be null, but input 'age'"):
        Servable.load("m", 1, _described(mixed(), encode_contract(described)))


@pytest.mark.parametrize(
    "wrong",
    [
        Feature("age", "number", "age"),
        Feature("wild", "category", "wild", categories=["yes", "no"]),
        Feature("mass", "category", "mass", categories=["light", "heavy"]),
        Feature("island", "boolean", "island"),
    ],
    ids=lambda feature: f"{feature.name} as {feature.kind}",
)
def test_a_feature_is_refused_where_its_input_cannot_hold_it(wrong: Feature) -> None:
    described = contract([wrong if f.name == wrong.name else f for f in MIXED], ["big", "small"])
    with pytest.raises(ArtifactError, match=f"which input '{wrong.name}' cannot hold"):
        Servable.load("m", 1, _described(mixed(), encode_contract(described)))


def _described(content: bytes, document: str) -> bytes:
    """Replace the contract of an artifact made here, which ends with it."""
    begin = content.index(METADATA_KEY.encode())
    head = content[:begin]
    return head[: head.rindex(b"\x72")] + message((14, message((1, METADATA_KEY), (2, document))))


def test_a_servable_knows_its_digest_and_its_contract() -> None:
    servable = Servable.load("m", 3, penguins())
    assert (servable.name, servable.version) == ("m", 3)
    assert len(servable.digest) == 64
    assert servable.contract is not None
    assert servable.contract.classes == list(SPECIES)
