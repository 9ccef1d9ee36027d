"""Golden samples of other kinds of answer than a class and a value."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inference.errors import ArtifactError
from inference.model.contract import Sample
from inference.model.servable import Servable
from inference.model.trials.golden_samples import is_batch_exact, replay_samples
from support.answers import kinds as models

ROW = models.ROW


def changed(sample: Sample, **changes: Any) -> Sample:
    return msgspec.structs.replace(sample, **changes)


@pytest.mark.parametrize("kind", models.kinds())
def test_answers_of_the_original_are_accepted(kind: str) -> None:
    servable = Servable.load("m", 1, models.kinds()[kind])
    count, difference = replay_samples(servable, 10)
    assert count == 2
    assert 0 <= difference < 1e-5
    assert is_batch_exact(servable)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            models.labels([changed(models.labels_sample(ROW), label=["Adelie", True, 1])]),
            "sample 0 is answered False as the label of target 'is heavy', the original answered",
        ),
        (
            models.labels(
                [changed(models.labels_sample(ROW), probabilities=[None, [0.5, 0.5], None])]
            ),
            "golden sample 0 differs by 0.0622 from the original's answer",
        ),
        (
            models.outliers([changed(models.outliers_sample(ROW), label=-1)]),
            "golden sample 0 is answered 1, the original answered -1",
        ),
        (
            models.outliers([changed(models.outliers_sample(ROW), score=1.26)]),
            "golden sample 0 differs by 0.00794 from",
        ),
        (
            models.clusters([changed(models.clusters_sample(ROW), label=1)]),
            "golden sample 0 is answered 0, the original answered 1",
        ),
        (
            models.clusters([changed(models.clusters_sample(ROW), distances=[50.0, 2000.0])]),
            "golden sample 0 differs by 0.0247 from",
        ),
        (
            models.mixture([changed(models.mixture_sample(ROW), probabilities=[0.5, 0.5])]),
            "golden sample 0 differs by 0.0622 from",
        ),
        (
            models.vectors(samples=[changed(models.vectors_sample(ROW), label=[0.0, 1.0, 2.0])]),
            "golden sample 0 differs by 3.99e[+]03 from",
        ),
    ],
)
def test_other_answer_than_the_original_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ArtifactError, match=complaint):
        replay_samples(Servable.load("m", 1, content), 10)


def test_what_a_sample_leaves_out_is_not_compared() -> None:
    samples = [Sample(ROW, ["Adelie", False, 1]), Sample(ROW, ["Adelie", False, 1], [None] * 3)]
    assert replay_samples(Servable.load("m", 1, models.labels(samples)), 10) == (2, 0.0)
    without_score = models.outliers([Sample(ROW, 1)])
    assert replay_samples(Servable.load("m", 1, without_score), 10) == (1, 0.0)
