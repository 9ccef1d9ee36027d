"""A contract's distributions fit its features and answers, or it is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from inference.errors import ContractError
from inference.model.answers.distributions import is_consistent
from inference.model.contract import AnswerDistribution, Histogram
from inference.model.contract_codec import decode_contract, encode_contract
from support.models.artifacts import MIXED, SPECIES, contract, measurements

HISTOGRAM = Histogram([0.0, 1.0], [3])


@dataclass(frozen=True)
class Case:
    answers: list[AnswerDistribution]
    said: str


def features(place: int, **more: Any) -> Any:
    return [msgspec.structs.replace(f, **more) if i == place else f for i, f in enumerate(MIXED)]


def place_of(kind: str) -> int:
    return next(i for i, feature in enumerate(MIXED) if feature.kind == kind)


def test_distributions_are_written_and_read() -> None:
    categories = MIXED[place_of("category")].categories or []
    given = features(place_of("category"), counts=[4] * len(categories), missing=2)
    made = contract(given, SPECIES, answers=[AnswerDistribution(counts=[1, 2, 3])])
    assert decode_contract(encode_contract(made)) == made


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("number", {"missing": -1}, "is missing in -1 rows"),
        ("number", {"counts": [1]}, "counts, which a number cannot have"),
        ("boolean", {"counts": [1]}, "1 counts for 2 values"),
        ("boolean", {"counts": [1, 2, 3]}, "3 counts for 2 values"),
        ("boolean", {"counts": [1, -2]}, "a count below 0"),
        ("category", {"counts": []}, "0 counts for"),
    ],
)
def test_counts_that_do_not_fit_a_feature_are_refused(
    kind: str, more: dict[str, Any], said: str
) -> None:
    place = place_of(kind)
    with pytest.raises(ContractError, match=said) as error:
        encode_contract(contract(features(place, **more), SPECIES))
    assert MIXED[place].name in str(error.value)


@pytest.mark.parametrize(
    "case",
    [
        Case([], "0 answers for 1 targets"),
        Case([AnswerDistribution(counts=[1, 2, 3])] * 2, "2 answers for 1 targets"),
        Case([AnswerDistribution(counts=[1, 2])], "2 counts for 3 values"),
        Case([AnswerDistribution(counts=[1, 2, -3])], "a count below 0"),
        Case([AnswerDistribution()], "0 counts for 3 values"),
        Case([AnswerDistribution(histogram=HISTOGRAM)], "its model has labels"),
    ],
)
def test_answers_that_do_not_fit_the_labels_are_refused(case: Case) -> None:
    with pytest.raises(ContractError, match=case.said):
        encode_contract(contract(measurements(), SPECIES, answers=case.answers))


@pytest.mark.parametrize(
    "answer",
    [
        AnswerDistribution(),
        AnswerDistribution(counts=[1]),
        AnswerDistribution(histogram=Histogram([0.0], [])),
    ],
)
def test_answers_that_are_no_values_are_refused(answer: AnswerDistribution) -> None:
    with pytest.raises(ContractError, match="is no histogram of values"):
        encode_contract(contract(measurements(), None, answers=[answer]))


@pytest.mark.parametrize(
    ("edges", "counts"),
    [
        ([0.0, 1.0], [1, 2]),
        ([0.0], []),
        ([], []),
        ([1.0, 0.0], [1]),
        ([0.0, float("inf")], [1]),
        ([0.0, float("nan")], [1]),
        ([0.0, 1.0], [-1]),
        ([0.0, 1.0], [0]),
    ],
)
def test_a_histogram_that_does_not_hold_together_is_inconsistent(
    edges: list[float], counts: list[int]
) -> None:
    assert not is_consistent(Histogram(edges, counts))
    assert is_consistent(Histogram([0.0, 0.0, 2.0], [0, 2]))
