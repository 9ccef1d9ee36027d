"""The PSI is Evidently's on the same bins."""

from __future__ import annotations

import numpy as np
import pytest

from inference.monitoring.drift.psi import compute_psi


def evidently(training: np.ndarray, served: np.ndarray) -> float:
    """Compute it as Evidently does for categories.

    This is ``_psi`` and ``get_binned_data`` of ``evidently/legacy/calculations/stattests`` (Apache
    License 2.0), without pandas: the package itself needs plotly, statsmodels and a web server.
    """
    known = (training > 0) | (served > 0)  # Evidently's keys are the values that occur
    reference_percents = training[known] / training.sum()
    current_percents = served[known] / served.sum()
    for percents in (reference_percents, current_percents):
        least = min(percents[percents != 0])
        np.place(percents, percents == 0, least / 10**6 if least <= 0.0001 else 0.0001)
    psi_values = (reference_percents - current_percents) * np.log(
        reference_percents / current_percents
    )
    return float(np.sum(psi_values))


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("rows", [1, 20, 1_000, 1_000_000])
def test_it_is_evidently_s(zeros: float, rows: int) -> None:
    random = np.random.default_rng(rows)
    for bins in (1, 2, 10, 25):
        counts = [random.multinomial(rows, random.dirichlet(np.ones(bins))) for _ in range(2)]
        for each in counts:
            each[random.random(bins) < zeros] = 0
            each[0] += not each.any()
        training, served = counts
        expected = evidently(training.astype(float), served.astype(float))
        assert compute_psi(training.tolist(), served) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("least", [9e-5, 1e-4, 1.1e-4])
def test_zeros_are_replaced_as_evidently_does_around_its_limit(least: float) -> None:
    training = np.array([least, 0.0, 1 - least])
    served = np.array([0.0, 0.5, 0.5])
    assert compute_psi(training, served) == pytest.approx(evidently(training, served))


def test_the_inputs_stay_as_they_are() -> None:
    training, served = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    compute_psi(training, served)
    assert (training.tolist(), served.tolist()) == ([1.0, 0.0], [0.0, 1.0])
