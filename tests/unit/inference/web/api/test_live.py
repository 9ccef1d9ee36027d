"""Which versions of a model are shown, if there are more than a page needs."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from inference.model.servable import Servable
from inference.monitoring.feedback.scores import Scores
from inference.repository.snapshot import Model
from inference.repository.traffic.choice import Shadow, Traffic
from inference.web.api import live as module
from support.models.artifacts import penguins

ACTIVE = Servable.load("m", 1, penguins())


@pytest.mark.parametrize("newer", [18, 19, 20, 21])
def test_versions_that_answer_are_shown_however_many_newer_ones_have_a_truth(newer: int) -> None:
    scores = {("m", version): {1000: Scores(1, 1.0)} for version in range(3, 3 + newer)}
    model = Model("m", MappingProxyType({}), ACTIVE, traffic=Traffic("id", shadow=Shadow(2)))
    shown = [view.version for view in module._describe(model, scores, {})]
    assert shown == [*range(2 + newer, 2 + newer - min(newer, 18), -1), 2, 1]
