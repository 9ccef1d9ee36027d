"""A query of a servable, over REST or gRPC: checked arrays and requested outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import RequestError, TooLargeError
from inference.runtime.suggestions import nearest, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.signature import Signature, TensorSpec

Array = np.ndarray[Any, Any]

MAX_RANK = 32
_LARGEST_DIMENSION = 2**40
MAX_STRINGS = 1_000_000


class RequestedOutput(NamedTuple):
    """One output that is asked for.

    Attributes:
        name: The output's name.
        binary: Whether its data is wanted as bytes.
        classes: How many of the best classes are wanted instead of the values; 0 for the values.
    """

    name: str
    binary: bool = False
    classes: int = 0


class Query(NamedTuple):
    """What one request asks.

    Attributes:
        id: The caller's name for it, to be given back.
        feeds: An array per input.
        outputs: The requested outputs, in that order.
        rows: Length of the first axis; 1 where that is no batch.
    """

    id: str | None
    feeds: dict[str, Array]
    outputs: list[RequestedOutput]
    rows: int

    @property
    def names(self) -> list[str]:
        """Names of the outputs to run for."""
        return [wanted.name for wanted in self.outputs]


def find_input(
    signature: Signature,
    name: str,
    datatype: str,
    shape: Sequence[int],
    *,
    max_strings: int = MAX_STRINGS,
) -> np.dtype[Any]:
    """Check that the model has such an input.

    Returns:
        NumPy's type of its elements.

    Raises:
        RequestError: No such input, or of another datatype or shape.
        TooLargeError: More strings than one request may have, each of which is an object.
    """
    spec = signature.input(name)
    if spec is None:
        raise RequestError(_unknown("input", name, [s.name for s in signature.inputs]))
    if spec.dtype is None:
        raise RequestError(
            f"input '{name}' is {spec.onnx_type}, for which the protocol has no datatype"
        )
    if datatype != spec.datatype:
        raise RequestError(
            f"input '{name}' has the datatype {spec.datatype}, got '{datatype[:80]}'"
        )
    _check_shape(spec, shape)
    if spec.dtype == np.object_ and math.prod(shape) > max_strings:
        raise TooLargeError(
            f"input '{name}' has {math.prod(shape)} strings, the limit is {max_strings} "
            "(INFERENCE_MAX_STRINGS): split it"
        )
    return spec.dtype


def make_query(
    signature: Signature,
    feeds: dict[str, Array],
    outputs: list[RequestedOutput],
    *,
    id_: str | None = None,
    max_rows: int,
) -> Query:
    """Check what only the whole request shows.

    Raises:
        RequestError: An input is missing, or an output is not there or has no datatype.
        TooLargeError: Too many rows.
    """
    missing = [spec.name for spec in signature.inputs if spec.name not in feeds]
    if missing:
        raise RequestError(f"input '{missing[0]}' is missing; the model takes {_list(signature)}")
    rows = _rows(signature, feeds)
    if rows > max_rows:
        raise TooLargeError(f"the request has {rows} rows, the limit is {max_rows}: split it")
    seen: set[str] = set()
    for wanted in outputs:
        spec = find_output(signature, wanted.name)
        if wanted.name in seen:
            raise RequestError(f"output '{wanted.name}' is asked for twice")
        seen.add(wanted.name)
        if wanted.classes and spec.datatype == "BYTES":
            raise RequestError(f"output '{wanted.name}' holds strings, which cannot be ranked")
    if not outputs:
        raise RequestError("the model has no output for which the protocol has a datatype")
    return Query(id_, feeds, outputs, rows)


def find_output(signature: Signature, name: str) -> TensorSpec:
    """Find an output that the protocol can carry.

    Raises:
        RequestError: No such output, or it is no tensor.
    """
    spec = signature.output(name)
    if spec is None:
        raise RequestError(_unknown("output", name, tensor_outputs(signature)))
    if spec.datatype is None:
        raise RequestError(
            f"output '{name}' is {spec.onnx_type}, for which the protocol has no datatype"
        )
    return spec


def tensor_outputs(signature: Signature) -> list[str]:
    """Name the outputs that the protocol can carry; sequences and maps (ZipMap) are left out."""
    return [spec.name for spec in signature.outputs if spec.datatype is not None]


def _check_shape(spec: TensorSpec, shape: Sequence[int]) -> None:
    if len(shape) > MAX_RANK or not all(0 <= d <= _LARGEST_DIMENSION for d in shape):
        raise RequestError(f"input '{spec.name}' cannot have the shape {list(shape)[:MAX_RANK]}")
    # onnxruntime reports a scalar and an unknown shape alike, so it has to check those.
    if not spec.shape:
        return
    fits = len(shape) == len(spec.shape) and all(
        known in (-1, given) for known, given in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise RequestError(
            f"input '{spec.name}' has the shape {list(spec.shape)} (-1 is variable), "
            f"got {list(shape)}"
        )


def _rows(signature: Signature, feeds: dict[str, Array]) -> int:
    lengths = {
        feeds[spec.name].shape[0] if spec.shape and spec.shape[0] == -1 else -1
        for spec in signature.inputs
    }
    return lengths.pop() if len(lengths) == 1 and -1 not in lengths else 1


def _unknown(what: str, name: str, known: list[str]) -> str:
    shown = ", ".join(f"'{shorten(k)}'" for k in known[:20])
    return f"the model has no {what} '{shorten(name)}'.{nearest(name, known)} It has {shown}"


def _list(signature: Signature) -> str:
    return ", ".join(f"'{s.name}' {s.datatype} {list(s.shape)}" for s in signature.inputs)
