"""Kernels and distances of rows that are far from all others, and of rows of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import KernelPCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from exporter.conversion.precision import needs_doubles
from support.conversion.converted_models import IRIS, SPECIES, between, check, scaled

pytestmark = pytest.mark.long

FAR = np.vstack([IRIS[::50] * factor for factor in (-10.0, -1.0, 0.0, 1e-18, 0.3, 3.0, 20.0)])
CENTERED = IRIS - IRIS.mean(axis=0)


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "sigmoid", "cosine"])
def test_kernel_components(kernel: Any) -> None:
    model = KernelPCA(3, kernel=kernel, gamma=0.01).fit(IRIS)
    check(model, IRIS, np.vstack([between(IRIS), FAR]))


def test_cosine_kernel_of_a_row_of_zeros() -> None:
    check(KernelRidge(kernel="cosine").fit(IRIS, SPECIES), IRIS, FAR)


def test_gaussian_process_far_from_all_rows_is_undecided() -> None:
    """All classes are equally likely there, and the first one wins."""
    check(GaussianProcessClassifier().fit(IRIS, SPECIES), IRIS, FAR)


@pytest.mark.parametrize("algorithm", ["brute", "ball_tree"])
def test_bray_curtis_of_signed_numbers(algorithm: Any) -> None:
    model = KNeighborsClassifier(metric="braycurtis", algorithm=algorithm).fit(CENTERED, SPECIES)
    check(model, CENTERED, between(CENTERED, 100))


@pytest.mark.parametrize(
    "model",
    [LabelSpreading(), GaussianMixture(3), GaussianNB(), QuadraticDiscriminantAnalysis()],
)
def test_squares_of_far_rows_need_doubles(model: Any) -> None:
    narrow = 3 + np.sin(np.arange(len(IRIS))) * 1e-3
    x = np.column_stack([IRIS, narrow])
    fitted = scaled(model).fit(x, SPECIES)
    assert needs_doubles(fitted)
    check(fitted, x, x[::10] - [5, 0, 0, 0, 1])


def test_landmarks_with_options_of_the_kernel() -> None:
    model = Nystroem(kernel="rbf", kernel_params={"gamma": 0.3}, n_components=5, random_state=0)
    check(model.fit(IRIS), IRIS, between(IRIS))
