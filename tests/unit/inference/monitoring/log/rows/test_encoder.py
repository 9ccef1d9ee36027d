"""Answered rows have the columns that the model's contract promises."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.model.contract import Feature
from inference.monitoring.log.files.compaction import compact
from inference.monitoring.log.rows.encoder import RowEncoder
from inference.monitoring.log.rows.logged_rows import encode_schema
from support.answers.kinds import ROWS, kinds, predictions
from support.models.artifacts import (
    FLOAT,
    booleans,
    contract,
    graph,
    integers,
    mixed,
    node,
    penguins,
    regressor,
    tensor,
    value,
    with_contract,
)
from support.monitoring.logged import answer, decode, encode, filed, load, write_journal
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from inference.model.servable import Servable


def logged(
    servable: Servable, rows: Sequence[Sequence[Any]], omitted: Collection[str] = ()
) -> list[dict[str, Any]]:
    encoder, frame = encode(servable, [answer(servable, rows)], omitted)
    return decode(encode_schema(encoder.schema) + frame)


def sums(names: list[str]) -> Servable:
    """Load a regression with features of these names."""
    features = [Feature(name, "number", "X", example=1.0) for name in names]
    width = len(names)
    made = graph(
        [node("MatMul", ["X", "W"], ["out"])],
        [value("X", FLOAT, "n", width)],
        [value("out", FLOAT, "n", 1)],
        [tensor("W", [[1.0]] * width)],
    )
    described = contract(features, None)
    outputs = msgspec.structs.replace(described.outputs, label="out", probabilities=None)
    return load(with_contract(made, msgspec.structs.replace(described, outputs=outputs)))


def test_columns_of_every_kind_keep_their_types_and_gaps() -> None:
    rows = logged(load(mixed()), [[None, 4, True, "Dream", None], [3.5, -1, False, "Biscoe", "x"]])

    kept = [{k: row[k] for k in ("mass", "age", "wild", "island", "sex")} for row in rows]
    assert kept == [
        {"mass": None, "age": 4, "wild": True, "island": "Dream", "sex": None},
        {"mass": 3.5, "age": -1, "wild": False, "island": "Biscoe", "sex": "x"},
    ]
    assert [row["row"] for row in rows] == [0, 1]


@pytest.mark.parametrize(("data", "kind"), [(integers(), int), (booleans(), bool)])
def test_labels_keep_their_types(data: bytes, kind: type) -> None:
    (row,) = logged(load(data), ROWS[:1])

    assert type(row["label"]) is kind
    assert math.isclose(sum(v for k, v in row.items() if k.startswith("p_")), 1, abs_tol=1e-5)


@pytest.mark.parametrize("name", list(kinds()))
def test_each_kind_of_answer_is_logged_as_it_is_answered(name: str) -> None:
    rows = logged(load(kinds()[name]), ROWS)

    for row, expected in zip(rows, predictions()[name], strict=True):
        for column, number in _flat(expected).items():
            is_number = isinstance(number, float | list)
            expected_value = pytest.approx(number, rel=1e-5) if is_number else number
            assert row[column] == expected_value, column


def _flat(prediction: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    prefixes = {"labels": "label_", "probabilities": "p_", "distances": "distance_"}
    for name, part in prediction.items():
        for key, one in part.items() if isinstance(part, dict) else ():
            if isinstance(one, dict):
                found |= {f"{prefixes[name]}{key}_{label}": n for label, n in one.items()}
            elif one is not None:
                found[f"{prefixes[name]}{key}"] = one
        if not isinstance(part, dict):
            found[name] = part
    return found


def test_values_of_several_targets_have_a_column_each() -> None:
    (row,) = logged(load(regressor(["a", "b c"])), ROWS[:1])

    assert row["value_a"] == row["value_b c"] == pytest.approx(sum(map(float, ROWS[0])))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["foreign", "zipmap"])
def test_files_without_contract_have_positional_features(name: str) -> None:
    servable = load((FIXTURES / f"{name}.onnx").read_bytes())
    features = [feature.name for feature in servable.features or ()]
    values = list(map(float, range(len(features))))
    (row,) = logged(servable, [values])

    assert [row[name] for name in features] == values
    assert len(row) > len(features) + 3, "and the answer"


def test_feature_names_of_any_kind_have_columns_of_their_own() -> None:
    """SQL does not tell names apart that differ in case only."""
    names = ["a.b", "quo\"te's", "ünï\n☃", "row", "Time", "value", "date", "a", "A", "a (feature)"]
    servable = sums(names)
    (row,) = logged(servable, [list(map(float, range(len(names))))])

    columns = [column.name for column in RowEncoder(servable, ()).schema.columns]
    assert len({name.casefold() for name in columns}) == len(names) + 1
    assert row["request_id"] == "an-id"
    assert row["value"] == sum(range(len(names)))
    assert [row[column] for column in columns[:-1]] == list(range(len(names)))
    assert columns[3:5] == ["row (feature)", "Time (feature)"]


def test_omitted_columns_are_nowhere_in_the_journal() -> None:
    servable = load(penguins())
    encoder, frame = encode(
        servable,
        [answer(servable, ROWS, key="a-key")],
        ["body_mass_g", "key_id", "label", "digest", "latency_ms", "unknown"],
    )
    written = encode_schema(encoder.schema) + frame

    for absent in (b"body_mass_g", b"a-key", b'"Adelie"', servable.digest.encode()):
        assert absent not in written
    (row, _) = decode(written)
    assert "bill_depth_mm" in row
    assert "label" not in row
    assert encoder.schema.truth_kind is None
    assert b"p_Adelie" in written


def test_an_output_that_was_not_asked_for_is_missing() -> None:
    servable = load(penguins())
    label = servable.contract.outputs.label  # type: ignore[union-attr]
    handed = [answer(servable, ROWS), answer(servable, ROWS, b"other", outputs=[label])]
    encoder, frame = encode(servable, handed)
    rows = decode(encode_schema(encoder.schema) + frame)

    assert all(row["label"] for row in rows)
    assert [row["p_Adelie"] is None for row in rows] == [False, False, True, True]


def test_schema_depends_on_the_artifact() -> None:
    one, other = load(penguins(0)), load(penguins(1))

    assert RowEncoder(one, ()).schema.id != RowEncoder(other, ()).schema.id
    assert RowEncoder(one, ()).schema.id == RowEncoder(replace(one), ()).schema.id


def test_names_with_nul_are_columns_that_parquet_has(tmp_path: Path) -> None:
    servable = sums(["\0", "a\0b", "a\ufffdb"])
    names = ["\ufffd", "a\ufffdb", "a\ufffdb (feature)"]
    assert set(names) < logged(servable, [[1.0, 2.0, 3.0]])[0].keys()

    journal = write_journal(tmp_path, servable, [answer(servable, [[1.0, 2.0, 3.0]])])
    compact(tmp_path, journal.path)
    journal.close()
    (row,) = filed(tmp_path)
    assert [row[name] for name in names] == [1.0, 2.0, 3.0]
