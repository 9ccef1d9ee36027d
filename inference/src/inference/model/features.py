"""The features of a model: from its contract, or positional ones for a file that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from inference.errors import ArtifactError
from inference.model.answers.tensors import check_outputs
from inference.model.contract import MAX_FEATURES, Contract, Feature
from inference.model.feature_rules import wrong_input
from inference.model.signature import element_range

if TYPE_CHECKING:
    from inference.model.contract import Scalar
    from inference.model.signature import Signature, TensorSpec

_ROW_RANKS = (1, 2)
MAX_TENSORS = 10_000


def positional_features(signature: Signature) -> list[Feature] | None:
    """Name the columns of a model without contract, after its inputs.

    An input of shape ``[rows]`` or ``[rows, 1]`` is one feature with the input's name; one of shape
    ``[rows, k]`` is ``k`` features ``input[0]`` to ``input[k-1]``.

    Returns:
        The features, or ``None`` when the inputs are not rows of columns (images, say), or of more
        than :data:`MAX_FEATURES`: such a model takes tensors only.
    """
    features: list[Feature] = []
    for spec in signature.inputs:
        width = _width(spec)
        if width is None:
            return None
        if len(features) + width > MAX_FEATURES:
            return None
        kind = _kind(spec)
        example: Scalar = "" if kind == "category" else False if kind == "boolean" else 0
        names = [spec.name] if width == 1 else [f"{spec.name}[{i}]" for i in range(width)]
        features += [
            Feature(n, kind, spec.name, example=example, open_categories=kind == "category")
            for n in names
        ]
    return features or None


def _width(spec: TensorSpec) -> int | None:
    if spec.dtype is None or len(spec.shape) not in _ROW_RANKS or spec.shape[0] not in (-1, 1):
        return None
    width = spec.shape[1] if len(spec.shape) > 1 else 1
    return width if width > 0 else None


def _kind(spec: TensorSpec) -> Literal["number", "integer", "category", "boolean"]:
    code = spec.dtype.kind if spec.dtype is not None else "f"
    match code:
        case "O":
            return "category"
        case "b":
            return "boolean"
        case "i" | "u":
            return "integer"
        case _:
            return "number"


def check_kinds(signature: Signature) -> None:
    """Check that requests can carry what a graph takes, and answers something that it gives.

    Raises:
        ArtifactError: They cannot.
    """
    for spec in signature.inputs:
        if spec.dtype is None:
            raise ArtifactError(
                f"input '{spec.name}' is {spec.onnx_type}, which no request can carry: take a "
                "tensor of numbers, booleans or strings"
            )
    if signature.outputs and not any(spec.has_known_elements for spec in signature.outputs):
        first = signature.outputs[0]
        raise ArtifactError(
            f"output '{first.name}' is {first.onnx_type}, which no answer can carry: give numbers "
            "as float, double or a whole number of 8 bits or more"
        )


def check_count(signature: Signature) -> None:
    """Check that a graph has no more inputs and outputs than can be described.

    Raises:
        ArtifactError: It has.
    """
    count = len(signature.inputs) + len(signature.outputs)
    if count > MAX_TENSORS:
        raise ArtifactError(
            f"the graph has {count:,} inputs and outputs, the limit is {MAX_TENSORS:,}: join them"
        )


def check_against(contract: Contract, signature: Signature) -> None:
    """Check that a contract speaks of the graph it travels in.

    Raises:
        ArtifactError: An input or output is not there, not fed, or of another width or type.
    """
    fed: dict[str, int] = {}
    for feature in contract.features:
        fed[feature.input] = fed.get(feature.input, 0) + 1
    present = {spec.name for spec in signature.inputs}
    if set(fed) != present:
        raise ArtifactError(
            f"the contract feeds the inputs {sorted(fed)}, the graph has {sorted(present)}"
        )
    for spec in signature.inputs:
        width = fed[spec.name]
        if spec.dtype is None or len(spec.shape) not in _ROW_RANKS:
            raise ArtifactError(f"input '{spec.name}' is not rows of columns: {spec.onnx_type}")
        columns = spec.shape[1] if len(spec.shape) > 1 else 1
        if columns not in (-1, width):
            raise ArtifactError(
                f"the contract has {width} features for input '{spec.name}', "
                f"which has {columns} columns"
            )
    kinds = {spec.name: spec.dtype.kind for spec in signature.inputs if spec.dtype}
    for feature in contract.features:
        wrong = wrong_input(feature, kinds[feature.input])
        if wrong is not None:
            raise ArtifactError(wrong)
    _check_background(contract, signature)
    check_outputs(contract, signature)


def _check_background(contract: Contract, signature: Signature) -> None:
    """Check that the inputs can hold the background rows."""
    dtypes = {spec.name: spec.dtype for spec in signature.inputs}
    for index, feature in enumerate(contract.features):
        dtype = dtypes[feature.input]
        if dtype is None or dtype.kind not in "iuf":
            continue
        low, high = element_range(dtype)
        for row in contract.background or ():
            value = row[index]
            if isinstance(value, (int, float)) and not low <= value <= high:
                raise ArtifactError(
                    f"a background row has {value:g} for feature '{feature.name}', which input "
                    f"'{feature.input}' cannot hold"
                )
