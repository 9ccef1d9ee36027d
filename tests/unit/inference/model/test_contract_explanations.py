"""What a contract says for explanations and intervals, since a file may say anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.errors import ArtifactError, ContractError
from inference.model.contract import Calibration, Feature, Outputs
from inference.model.contract_codec import decode_contract, encode_contract
from inference.model.features import check_against
from inference.model.signature import Signature, TensorSpec
from support.models.artifacts import SPECIES, contract, measurements

if TYPE_CHECKING:
    from inference.model.contract import Contract

ROW: list[Any] = [40.0, 18, 190.0, 4000.0]
KINDS = [
    Feature("n", "number", "n"),
    Feature("i", "integer", "i", nullable=True),
    Feature("b", "boolean", "b"),
    Feature("c", "category", "c", categories=["x", "y"]),
    Feature("o", "category", "o", categories=[1, 2], open_categories=True),
]


def refused(described: Contract, complaint: str) -> None:
    with pytest.raises(ContractError, match=complaint):
        encode_contract(described)
    document = msgspec.json.encode(described)
    with pytest.raises(ContractError, match=complaint):
        decode_contract(document)


@pytest.mark.parametrize("count", [1, 63, 64])
def test_background_is_read_back(count: int) -> None:
    described = contract(measurements(), SPECIES, background=[ROW] * count)
    assert decode_contract(encode_contract(described)) == described


@pytest.mark.parametrize("count", [0, 65, 5000])
def test_background_has_1_to_64_rows(count: int) -> None:
    refused(
        contract(measurements(), SPECIES, background=[ROW] * count),
        f"it has {count} background rows, the limits are 1 and 64",
    )


@pytest.mark.parametrize("row", [[], ROW[:-1], [*ROW, 1.0]])
def test_background_rows_have_a_value_for_each_feature(row: list[Any]) -> None:
    refused(
        contract(measurements(), SPECIES, background=[ROW, row]),
        f"background row 1 has {len(row)} values for 4 features",
    )


@pytest.mark.parametrize(
    "row", [[1.5, None, False, "x", 7], [-3, 2**63 - 1, True, "y", 1], [0, -(2**53), True, "y", 2]]
)
def test_background_takes_what_a_caller_may_send(row: list[Any]) -> None:
    described = contract(KINDS, None, background=[row])
    assert decode_contract(encode_contract(described)) == described


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, None), (0, "1"), (0, True), (0, 10**400), (1, 1.5), (1, False), (1, 2**64),
        (2, 1), (2, None), (3, "z"), (3, 1), (3, None), (4, "1"), (4, None), (4, 1.0),
    ],
)  # fmt: skip
def test_background_of_wrong_kinds_is_refused(place: int, value: Any) -> None:
    row: list[Any] = [1.5, 1, False, "x", 7]
    row[place] = value
    described = contract(KINDS, None, background=[row])
    if value == 10**400:  # which msgspec does not write
        with pytest.raises(ContractError, match="for feature 'n'"):
            encode_contract(described)
        return
    refused(described, f"for feature '{KINDS[place].name}', which takes")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_background_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ContractError, match="for feature"):
        encode_contract(contract(measurements(), SPECIES, background=[[value, *ROW[1:]]]))


@pytest.mark.parametrize(
    ("element", "dtype", "value", "good"),
    [
        ("float", "f4", 3.4e38, True),
        ("float", "f4", 3.5e38, False),
        ("double", "f8", 1e300, True),
        ("int32", "i4", 2**31 - 1, True),
        ("int32", "i4", 2**31, False),
    ],
)
def test_background_must_fit_the_type_of_the_input(
    element: str, dtype: str, value: float, good: bool
) -> None:
    spec = TensorSpec.from_onnx("X", f"tensor({element})", [None, 1])
    out = TensorSpec.from_onnx("label", "tensor(float)", [None])
    kind: Any = "integer" if dtype[0] == "i" else "number"
    described = contract([Feature("x", kind, "X")], None, background=[[value]])
    if good:
        check_against(described, Signature((spec,), (out,)))
        return
    with pytest.raises(ArtifactError, match="which input 'X' cannot hold"):
        check_against(described, Signature((spec,), (out,)))


@pytest.mark.parametrize(
    ("classes", "calibration", "more"),
    [
        (SPECIES, Calibration(0.9, 10, threshold=0.3), {}),
        (SPECIES, Calibration(0.9, 10, threshold=-4.0), {}),
        (None, Calibration(0.5, 1, half_widths=[0.0]), {}),
        (None, Calibration(0.5, 1, half_widths=[1.0, 2.0]), {"targets": ["a", "b"]}),
    ],
)
def test_calibration_is_read_back(classes: Any, calibration: Calibration, more: Any) -> None:
    described = contract(measurements(), classes, calibration=calibration, **more)
    assert decode_contract(encode_contract(described)).calibration == calibration


@pytest.mark.parametrize(
    ("classes", "calibration", "more", "complaint"),
    [
        (SPECIES, Calibration(0.0, 10, threshold=0.3), {}, "is not between 0 and 1"),
        (SPECIES, Calibration(1.0, 10, threshold=0.3), {}, "is not between 0 and 1"),
        (SPECIES, Calibration(0.9, 0, threshold=0.3), {}, "has no rows"),
        (SPECIES, Calibration(0.9, 9), {}, "needs a threshold"),
        (SPECIES, Calibration(0.9, 9, half_widths=[1.0]), {}, "needs a threshold"),
        (SPECIES, Calibration(0.9, 9, threshold=0.1), {"outputs": Outputs("label")},
         "no probabilities"),
        (None, Calibration(0.9, 9, threshold=0.3), {}, "needs 1 half width"),
        (None, Calibration(0.9, 9, half_widths=[-1.0]), {}, "needs 1 half width"),
        (None, Calibration(0.9, 9, half_widths=[1.0, 1.0]), {}, "needs 1 half width"),
        (None, Calibration(0.9, 9, half_widths=[1.0]), {"targets": ["a", "b"]},
         "needs 2 half width"),
    ],
)  # fmt: skip
def test_calibration_that_fits_no_answer_is_refused(
    classes: Any, calibration: Calibration, more: Any, complaint: str
) -> None:
    refused(contract(measurements(), classes, calibration=calibration, **more), complaint)
