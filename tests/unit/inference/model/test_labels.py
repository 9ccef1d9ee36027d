from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from inference.model.labels import LabelDecoder, label_key


def decoder(classes: list[Any], encoded: list[Any] | None) -> LabelDecoder:
    return LabelDecoder(classes, encoded)


@pytest.mark.parametrize(
    ("label", "key"),
    [("x", "x"), (True, "true"), (0, "0"), (-1, "-1"), (2.0, "2.0"), ("ü", "ü"), ("1", "1")],
)
def test_key_of_a_class_is_what_json_writes(label: Any, key: str) -> None:
    assert label_key(label) == key
    assert key in json.loads(json.dumps({label: 1}))


@pytest.mark.parametrize(
    ("classes", "codes"),
    [([False, True], [0, 1]), ([1.5, 2.5], [0, 1]), (["a", 7], ["a", "7"]), (["a", "b"], None)],
)
def test_labels_get_the_types_of_the_classes_back(classes: list[Any], codes: Any) -> None:
    labels = decoder(classes, codes)
    values = np.array(codes or classes)
    decoded = labels.decode_all(values)
    assert [(type(label), label) for label in decoded] == [(type(c), c) for c in classes]
    assert [labels.decode(value) for value in values.tolist()] == classes


def test_labels_of_a_foreign_file_stay_as_they_are() -> None:
    assert LabelDecoder().decode_all(np.array([1, 0])) == [1, 0]


@pytest.mark.parametrize("rows", [3, 3000])
def test_labels_are_counted_with_their_types(rows: int) -> None:
    counts = decoder([False, True], [0, 1]).count(np.array([[0], [1], [1]] * (rows // 3)))
    assert counts == {False: rows // 3, True: 2 * rows // 3}
    assert {type(label) for label in counts} == {bool}
