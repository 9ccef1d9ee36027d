"""Versions that take other rows: which of them may share requests, or shadow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support.models.artifacts import (
    MIXED,
    SPECIES,
    classifier_graph,
    contract,
    images,
    measurements,
    mixed,
    penguins,
    regressor,
    with_contract,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.long


def changed(place: int, **change: Any) -> bytes:
    """Make a classifier of columns of every kind, of which one feature differs."""
    features = list(MIXED)
    features[place] = msgspec.structs.replace(features[place], **change)
    return mixed(features=features)


def reordered() -> bytes:
    features = measurements()[::-1]
    return with_contract(classifier_graph(SPECIES), contract(features, SPECIES))


FOUR = penguins()
CASES = [
    (FOUR, regressor(), "one is for classification and the other for regression", ""),
    (FOUR, reordered(), "their features are in different orders", ""),
    (mixed(), changed(0, nullable=False), "takes no missing values of feature 'mass'", ""),
    (changed(0, nullable=False), mixed(), "", ""),
    (mixed(), changed(3, categories=["Dream"]), "refuses some categories of feature 'island'", ""),
    (mixed(), changed(3, categories=["Dream", "Biscoe", "New"]), "", ""),
    (mixed(), changed(4, open_categories=False), "refuses some categories of feature 'sex'", ""),
    (mixed(), FOUR, "does not take 'mass', 'age'", "have no 'bill_length_mm'"),
    (FOUR, images(), "one takes (X FP32 [-1, 4])", "one takes (X FP32 [-1, 4])"),
    (images(), images() + b"", "", ""),
]


@pytest.fixture
def put(make_service: Callable[..., Service]) -> Callable[[bytes, bytes], Service]:
    def start(first: bytes, second: bytes) -> Service:
        service = make_service()
        service.put("m/1/model.onnx", first)
        service.put("m/2/model.onnx", second)
        service.start()
        assert service.client.put("/models/m/active", json={"version": 1}).status_code == 200
        return service

    return start


@pytest.mark.parametrize(("first", "second", "split", "shadow"), CASES)
def test_says_why_versions_cannot_share_requests(
    put: Callable[[bytes, bytes], Service], first: bytes, second: bytes, split: str, shadow: str
) -> None:
    service = put(first, second)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"split": {"1": 90, "2": 10}}, split),
        ({"shadow": 2}, shadow),
    ]
    for change, said in changes:
        answer = service.client.put("/models/m/traffic", json=change)
        assert answer.status_code == (409 if said else 200), answer.text
        assert said in answer.text
