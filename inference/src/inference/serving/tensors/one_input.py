"""The fast path for inference requests of one input and all outputs, both in JSON.

Its decoder checks the input's name, type and range, and its answer is joined from parts that are
encoded once. A request of one row runs in arrays that are made once, too. All other requests are
left to :mod:`inference.serving.tensors.request`, which also reports errors; the answers are the
same.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np

from inference.errors import InferenceError
from inference.model.answers.targets import count_targets
from inference.model.feature_rules import INT64_MAX
from inference.model.signature import element_range
from inference.serving.dispatcher import is_small
from inference.serving.tensors.query import Query, RequestedOutput, tensor_outputs
from inference.serving.tensors.values import to_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.io_binding import RowBinding
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.telemetry.timing import Timing

_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_encode = msgspec.json.Encoder().encode
_END = b"}]}"


class OneInputFastPath:
    """Reads and writes such requests of one servable; keeps parts of it, not the model itself.

    Args:
        servable: The model to run.
        max_rows: The most rows in one request.

    Raises:
        ValueError: The model has several inputs, or tensors that have no JSON form.
    """

    def __init__(self, servable: Servable, max_rows: int) -> None:
        signature = servable.signature
        if len(signature.inputs) != 1:
            raise ValueError("the model has several inputs")
        if not tensor_outputs(signature):
            raise ValueError("no output has a JSON form")
        (spec,) = signature.inputs
        self._name, self._dtype, self._row = spec.name, spec.dtype, list(spec.shape[1:])
        self._max_rows = max_rows
        self._flat, self._nested = (_decoder(spec, depth) for depth in (1, len(spec.shape)))
        self.names = tensor_outputs(signature)
        self._wanted = [RequestedOutput(name) for name in self.names]
        self._begin = b'{"model_name":%b,"model_version":"%d"' % (
            _encode(servable.name),
            servable.version,
        )
        starts = [b',"outputs":[', *[b"},"] * (len(self.names) - 1)]
        self._outputs = [
            before + _opening(signature.output(name))
            for before, name in zip(starts, self.names, strict=True)
        ]
        self._row_shape = [1, *self._row]
        binding = servable.bind_row(self.names) if len(self._row) == 1 else None
        if binding is not None and not is_small(binding.results):
            binding = None
        self._one_row = None if binding is None else _OneRow(self, servable, binding)

    def decode(self, body: bytes) -> Any:
        """Decode a request; ``None`` if the general path must read it."""
        try:
            return (self._nested if b"[[" in body else self._flat)(body)
        except _REFUSED:
            return None

    def answer_row(self, request: Any, timing: Timing) -> bytes | None:
        """Answer a request of one row.

        Args:
            request: What :meth:`decode` has returned.
            timing: Records when each phase ends, and the label.

        Returns:
            The response; ``None`` for any other request.
        """
        one_row = self._one_row
        (given,) = request.inputs
        if one_row is None or given.shape != self._row_shape:
            return None
        data = given.data
        if len(data) == 1 and type(data[0]) is list:
            (data,) = data
        if len(data) != self._row_shape[1]:
            return None
        return one_row.answer(data, request.id, timing)

    def query(self, request: Any) -> Query | None:
        """Return a decoded request as a query; ``None`` if the general path must read it."""
        (given,) = request.inputs
        rows, *row = given.shape
        if not 0 < rows <= self._max_rows or not self._fits(row):
            return None
        try:
            array = np.array(given.data, self._dtype)
        except ValueError:  # its rows have different lengths
            return None
        if array.ndim == 1:
            if array.size != rows * math.prod(row):
                return None
            array = array.reshape(rows, *row)
        elif array.shape != (rows, *row):
            return None
        return Query(request.id, {self._name: array}, self._wanted, rows)

    def _fits(self, row: list[int]) -> bool:
        if row == self._row:
            return True
        return len(row) == len(self._row) and all(
            given > 0 and known in {-1, given} for known, given in zip(self._row, row, strict=True)
        )

    def write(self, id_: str | None, values: Sequence[Any]) -> bytes | None:
        """Write the response; ``None`` where a value is not an array."""
        parts = [self.begin(id_)]
        for opening, value in zip(self._outputs, values, strict=True):
            if not isinstance(value, np.ndarray):
                return None
            parts += opening, _encode(value.shape), b',"data":', to_values(value)
        parts.append(_END)
        return b"".join(parts)

    def begin(self, id_: str | None) -> bytes:
        """Begin a response."""
        return self._begin if id_ is None else b'%b,"id":%b' % (self._begin, _encode(id_))

    def openings(self, values: Sequence[Any]) -> list[bytes]:
        """Return what precedes the data of each output in a response with values so shaped."""
        return [
            opening + _encode(value.shape) + b',"data":'
            for opening, value in zip(self._outputs, values, strict=True)
        ]


class _OneRow:
    """Runs and answers requests of one row, on the event loop only.

    Args:
        fast_path: Begins the responses.
        servable: The model that is asked.
        binding: Runs it for all outputs.
    """

    def __init__(
        self, fast_path: OneInputFastPath, servable: Servable, binding: RowBinding
    ) -> None:
        self._begin = fast_path.begin
        self._binding = binding
        self._outputs = binding.names
        self._values = len(servable.features or ()) + sum(result.size for result in binding.results)
        contract = servable.contract
        self._label: int | None = None
        self._decode_label = servable.labels.decode
        if contract is not None and contract.classes and contract.outputs.label in fast_path.names:
            self._label = fast_path.names.index(contract.outputs.label)
        self._targets = servable.targets
        self._openings = fast_path.openings(binding.results)

    def answer(self, row: Sequence[Any], id_: str | None, timing: Timing) -> bytes | None:
        """Answer for one row; ``None`` if the general path must answer, as after a failure."""
        timing.parsed = timing.began = perf_counter()
        try:
            results = self._binding.run(row)
        except InferenceError:
            return None
        timing.ended = perf_counter()
        if self._label is not None:
            timing.labels = {self._decode_label(results[self._label].item()): 1}
        elif self._targets:
            timing.labels = count_targets(self._targets, self._outputs, results)
        parts = [self._begin(id_)]
        lists = [value.ravel().tolist() for value in results]
        for opening, values in zip(self._openings, lists, strict=True):
            parts.append(opening)
            parts.append(_encode(values))
        parts.append(_END)
        timing.served = row, None, self._outputs, lists, self._values
        timing.done = perf_counter()
        return b"".join(parts)


def _opening(spec: TensorSpec | None) -> bytes:
    """Begin an output.

    Raises:
        ValueError: It has no JSON form.
    """
    if spec is None or not spec.has_json_form:
        raise ValueError("an output has no JSON form")
    return b'{"name":%b,"datatype":%b,"shape":' % (_encode(spec.name), _encode(spec.datatype))


def _decoder(spec: TensorSpec, depth: int) -> Callable[[bytes], Any]:
    """Make a decoder of requests whose data is a list so deep.

    Raises:
        ValueError: The input has no JSON form, or no rows.
    """
    dtype, shape = spec.dtype, spec.shape
    if dtype is None or not spec.has_json_form or dtype.kind not in "biuf":
        raise ValueError("the input has no JSON form, or holds strings")
    if not shape or shape[0] != -1:
        raise ValueError("the input has no rows")
    data: Any = _element(dtype)
    for _ in range(depth):
        data = list[data]
    given = msgspec.defstruct(
        "Input",
        [
            ("name", Literal[spec.name]),
            ("datatype", Literal[spec.datatype]),
            ("shape", Annotated[list[int], msgspec.Meta(min_length=1, max_length=len(shape))]),
            ("data", data),
        ],
        forbid_unknown_fields=True,
        gc=False,
    )
    inputs = Annotated[list[given], msgspec.Meta(min_length=1, max_length=1)]  # type: ignore[valid-type]
    request = msgspec.defstruct(
        "Request",
        [("inputs", inputs), ("id", str | None, None)],
        forbid_unknown_fields=True,
        gc=False,
    )
    return msgspec.json.Decoder(request).decode


def _element(dtype: np.dtype[Any]) -> Any:
    """Return the type of a value that fits an array's type without becoming another one."""
    if dtype.kind == "b":
        return bool
    low, high = element_range(dtype)
    if dtype.kind == "f":
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    # A decoder compares with 64-bit integers only.
    return Annotated[int, msgspec.Meta(ge=low, le=min(high, INT64_MAX))]
