"""The bins of a contract, and what is out of them."""

from __future__ import annotations

import numpy as np
import pytest

from inference.model.contract import Histogram
from inference.monitoring.drift.bins import ABOVE, EXTRAS, MISSING, UNSEEN, NumberBins, ValueBins

FLOAT, DOUBLE = np.dtype("f4"), np.dtype("f8")
NONE = (None, None)


def counts(bins: NumberBins | ValueBins, *values: float, **extras: float) -> np.ndarray:
    places = {"above": ABOVE, "unseen": UNSEEN, "missing": MISSING}
    cells = np.zeros(len(bins.bins) + EXTRAS)
    cells[: len(values)] = values
    for name, count in extras.items():
        cells[len(bins.bins) + places[name]] = count
    return cells


def test_a_number_has_the_bins_of_its_histogram() -> None:
    bins = NumberBins("x", Histogram([0.0, 1.0, 4.0], [5, 7]), (0.0, 4.0), FLOAT)
    assert [(b.begin, b.end) for b in bins.bins] == [(0.0, 1.0), (1.0, 4.0)]
    assert (bins.training, bins.inner, bins.low, bins.high) == ([5, 7], [1.0], 0.0, 4.0)


@pytest.mark.parametrize(
    "histogram",
    [
        None,
        Histogram([0.0, 1.0], [1, 2]),
        Histogram([1.0, 0.0], [1]),
        Histogram([], []),
        Histogram([0.0, float("nan")], [1]),
    ],
)
def test_without_a_sound_histogram_there_is_one_bin_and_no_psi(histogram: Histogram | None) -> None:
    bins = NumberBins("x", histogram, (0.0, 4.0), FLOAT)
    assert len(bins.bins) == 1
    assert bins.psi(counts(bins, 1000)) is None


def test_bins_that_coincide_in_the_type_of_the_input_are_one() -> None:
    edges = [16_777_216.0, 16_777_216.4, 16_777_217.0, 16_777_220.0]
    assert len(NumberBins("x", Histogram(edges, [1, 2, 4]), NONE, DOUBLE).bins) == 3
    bins = NumberBins("x", Histogram(edges, [1, 2, 4]), NONE, FLOAT)
    assert len(bins.bins) == 1
    assert bins.training == [7]
    values = [Histogram([0.0, 0.5, 1.0], [3, 4]), Histogram([1.0, 1.0], [7])]
    assert [NumberBins("x", each, NONE, FLOAT).training for each in values] == [[3, 4], [7]]


def test_limits_beyond_the_type_of_the_input_are_its_largest_numbers() -> None:
    bins = NumberBins("x", Histogram([-1e300, 0.0, 1e300], [3, 4]), NONE, FLOAT)
    assert (bins.low, bins.high) == (np.finfo(FLOAT).min, np.finfo(FLOAT).max)


def test_numbers_out_of_range_count_in_the_outermost_bins() -> None:
    bins = NumberBins("x", Histogram([0.0, 1.0, 4.0], [5, 5]), NONE, FLOAT)
    inside, outside = counts(bins, 500, 500), counts(bins, 500, 400, above=100)
    assert bins.psi(inside) == bins.psi(outside) == 0.0


def test_a_constant_shifts_when_another_value_is_served() -> None:
    bins = NumberBins("x", Histogram([3.0, 3.0], [50]), NONE, FLOAT)
    assert bins.psi(counts(bins, 1000)) == 0.0
    shifted = bins.psi(counts(bins, 500, above=500))
    assert shifted is not None
    assert shifted > 1


def test_missing_values_are_a_bin_if_the_contract_counts_them() -> None:
    histogram = Histogram([0.0, 1.0, 4.0], [5, 5])
    served = [1000.0, 1000.0]
    unknown = NumberBins("x", histogram, NONE, FLOAT)
    assert unknown.psi(counts(unknown, *served, missing=900)) == 0.0
    counted = NumberBins("x", histogram, NONE, FLOAT, 5)
    assert counted.psi(counts(counted, *served, missing=1000)) == pytest.approx(0.0)
    shifted = counted.psi(counts(counted, *served, missing=0))
    assert shifted is not None
    assert shifted > 0.2


def test_frequent_values_have_bins_and_rare_ones_share_one() -> None:
    bins = ValueBins("c", ["a", "b", "c", "d"], [500, 4, 490, 6], takes_unseen=True)
    assert [b.value for b in bins.bins] == ["a", "c", None]
    assert bins.training == [500, 490, 10]
    assert bins.places == [0, 2, 1, 2]


def test_at_most_twenty_values_have_bins() -> None:
    bins = ValueBins("c", list(range(100)), [*range(1, 101)], takes_unseen=False)
    assert [b.value for b in bins.bins] == [*range(80, 100), None]
    assert sum(bins.training or ()) == 5050


def test_a_value_that_training_did_not_have_raises_the_psi() -> None:
    bins = ValueBins("c", ["a", "b"], [50, 50], takes_unseen=True)
    assert bins.psi(counts(bins, 500, 500)) == 0.0
    shifted = bins.psi(counts(bins, 450, 450, unseen=100))
    assert shifted is not None
    assert shifted > 0.2


@pytest.mark.parametrize("known", [None, [0, 0]])
def test_without_counts_of_training_there_is_no_psi(known: list[int] | None) -> None:
    bins = ValueBins("c", ["a", "b"], known, takes_unseen=True)
    assert bins.psi(counts(bins, 500, 500)) is None


def test_nothing_served_has_no_psi() -> None:
    bins = ValueBins("c", ["a", "b"], [1, 1], takes_unseen=True)
    assert bins.psi(counts(bins)) is None


def test_more_bins_need_more_rows() -> None:
    few = ValueBins("c", ["a", "b"], [1, 1], takes_unseen=True)
    many = ValueBins("c", list(range(20)), [1] * 20, takes_unseen=True)
    assert (few.least_rows(), many.least_rows()) == (200, 420)
