"""Rows of one version as inputs of another: by name, with the checks of its own routes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.servable import Servable
from inference.monitoring.columns import ServedTable
from inference.monitoring.rollout.row_map import RowMap
from inference.monitoring.served import ServedBatch
from support.models.artifacts import (
    MIXED,
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    mixed,
    penguins,
    with_contract,
)
from support.monitoring.watched import answered

ROW = (39.1, 18.7, 181.0, 3750.0)
RECORD = (3.5, 4, True, "Dream", "male")


def of_mixed(place: int = 0, **change: Any) -> Servable:
    features = list(MIXED)
    features[place] = msgspec.structs.replace(features[place], **change)
    return Servable.load("m", 2, mixed(features=features))


def reordered() -> Servable:
    described = contract(measurements()[::-1], SPECIES)
    return Servable.load("m", 2, with_contract(classifier_graph(SPECIES), described))


def table(servable: Servable, *rows: Any) -> ServedTable:
    timings = [answered(row) for row in rows]
    return ServedTable(servable, ServedBatch([(servable, t, None, None, 1.0) for t in timings]))


def feeds(source: Servable, target: Servable, *rows: Any) -> dict[str, np.ndarray[Any, Any]]:
    return RowMap(source, target).to_feeds(table(source, *rows))


def test_columns_in_another_order_are_found_by_name() -> None:
    made = feeds(Servable.load("m", 1, penguins()), reordered(), ROW, ROW)
    assert made["X"].dtype == np.float32
    assert made["X"].tolist() == [[np.float32(v) for v in ROW[::-1]]] * 2


def test_the_same_features_are_passed_on_as_they_are() -> None:
    source, target = Servable.load("m", 1, mixed()), Servable.load("m", 2, mixed())
    made = feeds(source, target, RECORD)
    assert {name: array.tolist() for name, array in made.items()} == {
        name: array.tolist() for name, array in source.to_feeds([RECORD]).items()
    }


def test_every_kind_of_value_arrives_with_its_type() -> None:
    """The order differs, so nothing is passed on as it is."""
    source = Servable.load("m", 1, mixed())
    target = Servable.load("m", 2, mixed(features=MIXED[::-1]))
    rows = [RECORD, (None, -7, False, "Biscoe", None)]
    made = feeds(source, target, *rows)
    expected = target.to_feeds([row[::-1] for row in rows])
    for name, array in expected.items():
        assert made[name].dtype == array.dtype
        np.testing.assert_array_equal(made[name], array)
    target.run(None, made)


@pytest.mark.parametrize(
    ("place", "change", "row", "said"),
    [
        (0, {"nullable": False}, (None, 4, True, "Dream", "male"), "'mass' is missing"),
        (3, {"categories": ["Biscoe"]}, RECORD, "'island' has no category 'Dream'"),
        (4, {"nullable": False}, (3.5, 4, True, "Dream", None), "'sex' is missing"),
    ],
)
def test_values_that_the_shadow_would_refuse_are_named(
    place: int, change: dict[str, Any], row: Any, said: str
) -> None:
    features = [
        *MIXED[:place],
        msgspec.structs.replace(MIXED[place], **change),
        *MIXED[place + 1 :],
    ]
    target = Servable.load("m", 2, mixed(features=features[::-1]))
    with pytest.raises(ValueError, match=said):
        feeds(Servable.load("m", 1, mixed()), target, row)


def test_a_model_of_tensors_has_no_rows() -> None:
    with pytest.raises(ValueError, match="takes tensors and no rows"):
        RowMap(Servable.load("m", 1, penguins()), _images())


def _images() -> Servable:
    from support.models.artifacts import images  # noqa: PLC0415

    return Servable.load("m", 2, images())
