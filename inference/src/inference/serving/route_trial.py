"""Try the decoding and encoding of each route on a new model, before a route lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import ArtifactError, ClientError, InferenceError
from inference.model.outputs import row_values
from inference.model.trials.run_cost import fill
from inference.serving.predictions import AnswerBuilder
from inference.serving.rows.reader import RowReader
from inference.serving.tensors.binary import to_binary
from inference.serving.tensors.query import tensor_outputs
from inference.serving.tensors.request import read_request
from inference.serving.tensors.response import pick_results, write_response
from inference.serving.tensors.values import to_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.model.servable import Servable
    from inference.model.session import Stop

_ROWS = (1, 2, 3)  # with one number of rows alone, a fixed size may look like a value for each
_NUMBERS = (0, 1)  # some graphs take no zeros, and no empty text
_MOST_ROWS = 1000
# How a route says that it cannot read or write something.
_UNFIT = (ClientError, ValueError, TypeError, IndexError)
_encode = msgspec.json.encode

Feeds = dict[str, Any]


def try_routes(servable: Servable, stop: Stop) -> list[str] | None:
    """Ask a servable as each route does that will list it.

    A graph that fails on what it is tried with may take other values: that is left to requests.

    Args:
        servable: The artifact, loaded.
        stop: Ends its runs.

    Returns:
        Names of the outputs that give a value for each row, none where routes for rows cannot be
        answered; ``None`` where the contract says which they are, or where it cannot be found out.

    Raises:
        ArtifactError: A route cannot read what it describes, or cannot write what it gives.
    """
    kept = None
    if servable.contract is None and servable.features:
        kept = _find_row_outputs(servable, stop)
        if kept and not _is_example_answered(servable.with_row_outputs(kept), stop):
            kept = []
        if kept is not None:
            servable = servable.with_row_outputs(kept)
    try:
        _answer_samples(servable, stop)
        _answer_tensors(servable, stop)
    except _UNFIT as error:
        raise ArtifactError(f"requests to it cannot be answered: {error}") from None
    return kept


def _answer_samples(servable: Servable, stop: Stop) -> None:
    if servable.contract is None:
        return
    builder = AnswerBuilder(servable)
    rows = [sample.row for sample in servable.contract.samples[:2]]
    rows = rows or [[feature.example for feature in servable.contract.features]]
    try:
        results = servable.run(builder.outputs, servable.to_feeds(rows), stop)
    except (InferenceError, ValueError, TypeError):
        if servable.contract.samples:
            raise
        return  # without samples, it is not known which values the graph takes
    _encode(builder.predictions(results, len(rows)))
    _encode(builder.records(results, len(rows)))


def _find_row_outputs(servable: Servable, stop: Stop) -> list[str] | None:
    names = AnswerBuilder(servable).outputs
    for number in _NUMBERS:
        kept = names
        try:
            for rows in _ROWS:
                results = servable.run(names, _fill(servable, rows, number), stop)
                given = dict(zip(names, results, strict=True))
                kept = [name for name in kept if _has_values(given[name], rows)]
        except InferenceError:
            continue
        return kept
    return None


def _has_values(value: Any, rows: int) -> bool:
    try:
        _encode(row_values(value, rows))
    except (ValueError, TypeError):
        return False
    return True


def _is_example_answered(servable: Servable, stop: Stop) -> bool:
    builder = AnswerBuilder(servable)
    example = {feature.name: feature.example for feature in servable.features or ()}
    reader = RowReader(servable, max_rows=_MOST_ROWS)
    try:
        for body in (example, [example, example]):
            batch = reader.read(_encode(body))
            results = servable.run(builder.outputs, batch.feeds, stop)
            _encode(builder.predictions(results, batch.rows))
    except InferenceError:
        return True  # it takes other values
    except _UNFIT:
        return False
    return True


def _answer_tensors(servable: Servable, stop: Stop) -> None:
    signature = servable.signature
    in_json = [s.name for s in signature.outputs if s.has_json_form]
    if not tensor_outputs(signature):
        return
    for feeds in _examples(servable):
        for binary in (True, False) if in_json else (True,):
            body, json_bytes = _encode_request(servable, feeds, None if binary else in_json)
            query = read_request(signature, body, json_bytes, max_rows=_MOST_ROWS)
            try:
                values = servable.run(query.names, query.feeds, stop)
            except InferenceError:
                break
            write_response(servable, query, pick_results(servable, query, values))
        else:
            return


def _examples(servable: Servable) -> Iterator[Feeds]:
    samples = servable.contract.samples if servable.contract else []
    if samples:
        yield servable.to_feeds([samples[0].row])
    else:
        yield from (_fill(servable, 1, number) for number in _NUMBERS)


def _fill(servable: Servable, rows: int, number: int) -> Feeds:
    # A graph that takes one row is run once for each of several.
    return {
        spec.name: fill(spec, 1, number).repeat(rows, axis=0)
        if spec.shape[:1] == (1,)
        else fill(spec, rows, number)
        for spec in servable.signature.inputs
    }


def _encode_request(
    servable: Servable, feeds: Feeds, outputs: list[str] | None
) -> tuple[bytes, int]:
    """Encode an inference request for some outputs as JSON; without names, for all as bytes."""
    inputs, tail = [], b""
    for spec in servable.signature.inputs:
        array = feeds[spec.name]
        tensor: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype}
        tensor["shape"] = list(array.shape)
        # JSON has no NaN, by which a sample has a gap.
        has_gaps = array.dtype.kind == "f" and not np.isfinite(array).all()
        if not spec.has_json_form or has_gaps:
            data = bytes(to_binary(array))
            tensor["parameters"] = {"binary_data_size": len(data)}
            tail += data
        else:
            tensor["data"] = msgspec.Raw(to_values(array))
        inputs.append(tensor)
    request: dict[str, Any] = {"inputs": inputs}
    if outputs is None:
        request["parameters"] = {"binary_data_output": True}
    else:
        request["outputs"] = [{"name": name} for name in outputs]
    text = _encode(request)
    return text + tail, len(text)
