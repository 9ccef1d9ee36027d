"""How much one file may say of itself, since everything that describes it is made of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from inference.errors import ArtifactError, ContractError
from inference.model.contract import MAX_FEATURES, Feature
from inference.model.contract_codec import MAX_BYTES, decode_contract, encode_contract
from inference.model.features import MAX_TENSORS, check_count, positional_features
from inference.model.signature import Signature, TensorSpec
from support.models.artifacts import contract

if TYPE_CHECKING:
    from collections.abc import Callable

FLOATS = np.dtype(np.float32)


def features(count: int) -> list[Feature]:
    return [Feature(f"f{number}", "number", "X") for number in range(count)]


def spec(name: str, width: int) -> TensorSpec:
    return TensorSpec(name, "tensor(float)", FLOATS, "FP32", (-1, width))


@pytest.mark.parametrize(("more", "good"), [(-1, True), (0, True), (1, False), (190_000, False)])
def test_a_contract_has_so_many_features(more: int, good: bool) -> None:
    described = contract(features(MAX_FEATURES + more), None)
    document = msgspec.json.encode(described)
    for read in (lambda: encode_contract(described), lambda: decode_contract(document)):
        check(read, good, f"features, the limit is {MAX_FEATURES:,}", "bytes, the limit is")


@pytest.mark.parametrize(("more", "good"), [(-1, True), (0, True), (1, False), (60_000_000, False)])
def test_a_contract_has_so_many_bytes(more: int, good: bool) -> None:
    one = [Feature("f", "number", "X", description="")]
    wanted = MAX_BYTES + more - len(msgspec.json.encode(contract(one, None)))
    described = contract([Feature("f", "number", "X", description="d" * wanted)], None)
    document = msgspec.json.encode(described)
    assert len(document) == MAX_BYTES + more
    for read in (lambda: encode_contract(described), lambda: decode_contract(document)):
        check(read, good, f"bytes, the limit is {MAX_BYTES:,}")


def check(read: Callable[[], object], good: bool, *reasons: str) -> None:
    if good:
        read()
        return
    with pytest.raises(ContractError) as caught:
        read()
    assert any(reason in str(caught.value) for reason in reasons)


@pytest.mark.parametrize(("width", "known"), [(5000, True), (5001, False), (1_000_000, False)])
def test_a_file_without_contract_has_so_many_columns(width: int, known: bool) -> None:
    signature = Signature((spec("a", 5000), spec("b", width)), (spec("y", 1),))
    assert (positional_features(signature) is not None) == known


@pytest.mark.parametrize(("more", "good"), [(-1, True), (0, True), (1, False)])
def test_a_graph_has_so_many_inputs_and_outputs(more: int, good: bool) -> None:
    inputs = tuple(spec(f"x{number}", 1) for number in range(MAX_TENSORS + more - 1))
    signature = Signature(inputs, (spec("y", 1),))
    if good:
        check_count(signature)
        return
    with pytest.raises(ArtifactError, match="inputs and outputs, the limit is 10,000"):
        check_count(signature)
