"""Check the distributions that a contract has of its training rows and their answers."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from inference.model.answers.consistency import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import AnswerDistribution, Contract, Feature, Histogram


def check_distributions(contract: Contract) -> None:
    """Check what is counted of the features and of the answers.

    A feature's histogram is not checked: it has always been optional, and one that does not hold
    together is not used.

    Raises:
        ContractError: Names the first thing that is inconsistent.
    """
    for feature in contract.features:
        _check_feature(feature)
    if contract.answers is not None:
        _check_answers(contract, contract.answers)


def is_consistent(histogram: Histogram) -> bool:
    """Whether a histogram has ascending, finite edges, and a count for each bin."""
    edges, counts = histogram.edges, histogram.counts
    return (
        len(edges) == len(counts) + 1
        and len(counts) > 0
        and all(map(math.isfinite, edges))
        and all(begin <= end for begin, end in pairwise(edges))
        and all(count >= 0 for count in counts)
        and sum(counts) > 0
    )


def _check_feature(feature: Feature) -> None:
    is_number = feature.missing is None or feature.missing >= 0
    require(is_number, f"feature '{feature.name}' is missing in {feature.missing} rows")
    if feature.counts is None:
        return
    require(
        feature.kind in ("category", "boolean"),
        f"feature '{feature.name}' has counts, which a {feature.kind} cannot have",
    )
    known = 2 if feature.kind == "boolean" else len(feature.categories or ())
    _check_counts(feature.counts, known, f"feature '{feature.name}'")


def _check_answers(contract: Contract, answers: Sequence[AnswerDistribution]) -> None:
    if contract.labels is not None:
        sizes: list[int | None] = [len(target.classes) for target in contract.labels]
    elif contract.classes is not None:
        sizes = [len(contract.classes)]
    else:
        sizes = [None] * len(contract.targets or [""])
    require(len(answers) == len(sizes), f"it has {len(answers)} answers for {len(sizes)} targets")
    for index, (answer, size) in enumerate(zip(answers, sizes, strict=True)):
        owner = f"answer {index}"
        if size is None:
            is_known = answer.histogram is not None and is_consistent(answer.histogram)
            require(is_known and answer.counts is None, f"{owner} is no histogram of values")
        else:
            require(answer.histogram is None, f"{owner} has a histogram, and its model has labels")
            _check_counts(answer.counts or [], size, owner)


def _check_counts(counts: Sequence[int], known: int, owner: str) -> None:
    require(len(counts) == known, f"{owner} has {len(counts)} counts for {known} values")
    require(all(count >= 0 for count in counts), f"{owner} has a count below 0")
