"""The fast path for one record inside the training range; it takes half the time.

Its decoder checks the range, its run reuses its arrays, and its answer is encoded from a record
type of its own. For any other request each step gives up; the general path then starts again, and
reports what is wrong if anything is.
"""

from __future__ import annotations

import logging
import math
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from inference.errors import InferenceError
from inference.logs import fields
from inference.model.answers.tensors import table_output
from inference.serving.answers.kind import table_of
from inference.serving.dispatcher import is_small
from inference.serving.predictions import AnswerBuilder
from inference.serving.rows.typed_decoder import record_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.contract import Contract, Feature
    from inference.model.io_binding import RowBinding
    from inference.model.servable import Servable
    from inference.telemetry.timing import Timing

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_astuple = msgspec.structs.astuple


class OneRecordFastPath:
    """Answers requests of one record for one classifier or clustering, on the event loop.

    Args:
        servable: The model that is asked; the fast path keeps parts of it, not the model itself.
        contract: Its contract.
        binding: Runs its label and its numbers by class.

    Raises:
        ValueError: The model has no fast path.
        TypeError: Likewise.
    """

    def __init__(self, servable: Servable, contract: Contract, binding: RowBinding) -> None:
        self._binding = binding
        self._outputs = binding.names
        self._values = len(contract.features) + len(servable.class_keys or ()) + 1
        self._decode = _decoder(contract.features)
        self._start = servable.name, servable.version
        self._decode_label = servable.labels.decode
        self._table = table_of(servable.class_keys or ())
        table = (servable.table_name, self._table)
        parts = [("model", str), ("version", int), ("label", Any), table]
        self._answer = msgspec.defstruct("Answer", parts, gc=False)
        self._check(servable, contract)

    @classmethod
    def of(cls, servable: Servable) -> OneRecordFastPath | None:
        """Make the fast path of a servable; ``None`` where it has none.

        A failure is logged, and the servable is served without the fast path.
        """
        try:
            return cls._make(servable)
        except Exception as error:  # noqa: BLE001 - the general path works without this one
            _log.warning(
                "model '%s' version %d is served without the fast path for one record: %s",
                servable.name,
                servable.version,
                type(error).__name__,
                extra=fields("fast-way-off", model=servable.name, version=servable.version),
            )
            return None

    @classmethod
    def _make(cls, servable: Servable) -> OneRecordFastPath | None:
        contract = servable.contract
        table = None if contract is None else table_output(contract)
        if contract is None or table is None or not servable.class_keys:
            return None
        if servable.plan.inline_rows < 1 or contract.calibration is not None:
            return None
        binding = servable.bind_row([contract.outputs.label, table])
        if binding is None or not is_small(binding.results):
            return None
        try:
            return cls(servable, contract, binding)
        except (ValueError, TypeError):
            return None

    def answer(self, body: bytes, timing: Timing) -> bytes | None:
        """Answer a request.

        Args:
            body: The request's body.
            timing: Records when each phase ends.

        Returns:
            The answer as JSON; ``None`` if the general path must answer.
        """
        if body[:1] != b"{":
            return None
        try:
            row = _astuple(self._decode(body))
            timing.parsed = timing.began = perf_counter()
            results = self._binding.run(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InferenceError):
            return None
        timing.ended = perf_counter()
        code = results[0].item()
        (numbers,) = results[1].tolist()
        label = self._decode_label(code)
        encoded = self._encode_answer(label, numbers)
        timing.labels = {label: 1}
        timing.served = row, None, self._outputs, (code, numbers), self._values
        timing.done = perf_counter()
        return encoded

    def _check(self, servable: Servable, contract: Contract) -> None:
        # The binding has run these rows before; what remains is the encoding of the answer.
        builder = AnswerBuilder(servable)
        row = next(sample.row for sample in contract.samples if None not in sample.row)
        results = self._binding.run(row)
        (prediction,) = builder.predictions(results)
        ordinary = {"model": servable.name, "version": servable.version, **prediction}
        (numbers,) = results[1].tolist()
        encoded = self._encode_answer(self._decode_label(results[0].item()), numbers)
        if builder.notes or encoded != _encode(ordinary):
            raise RuntimeError("the fast path encodes an answer differently from the general path")

    def _encode_answer(self, label: Any, numbers: list[float]) -> bytes:
        return _encode(self._answer(*self._start, label, self._table(*numbers)))


def _decoder(features: Sequence[Feature]) -> Callable[[bytes], msgspec.Struct]:
    """Make a decoder of records in the training range, whose numbers thus fit the input's type.

    Raises:
        ValueError: Not every feature is a number with a range.
    """
    types: list[Any] = []
    for feature in features:
        low, high = feature.minimum, feature.maximum
        if feature.kind not in {"number", "integer"} or low is None or high is None:
            raise ValueError(f"feature '{feature.name}' has no range")
        kind: type = float
        if feature.kind == "integer":
            kind, low, high = int, math.ceil(low), math.floor(high)
        types.append(Annotated[kind, msgspec.Meta(ge=low, le=high)])
    return msgspec.json.Decoder(record_of(features, types)).decode
