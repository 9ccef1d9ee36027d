"""Replay a contract's golden samples: does the file still answer as the original did?"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import ArtifactError
from inference.model.answers.tensors import answer_tensors, expected_values
from inference.model.plan import ROW_COUNTS
from inference.model.trials.run_cost import LONGEST_RUN, ended_after

if TYPE_CHECKING:
    from inference.model.answers.tensors import AnswerTensor
    from inference.model.contract import Contract, Sample
    from inference.model.labels import LabelDecoder
    from inference.model.servable import Servable
    from inference.model.session import Stop

_SHORT_SECONDS = 0.1  # for which no batch is left out
# Another processor may round the last digit differently, beyond the parity's tolerance.
_ROUNDING = 1e-6


def replay_samples(servable: Servable, seconds: float) -> tuple[int, float]:
    """Run the golden samples, one by one and as a batch, and compare with the original's answers.

    Args:
        servable: The artifact, loaded.
        seconds: How long it should take: of a slow model only the first samples are replayed. A
            single run may last ``LONGEST_RUN`` times as long.

    Returns:
        The number of samples replayed, and the largest absolute difference of a probability or of
        another number, which is relative to numbers above 1.

    Raises:
        ArtifactError: A label differs, or a difference is beyond the recorded tolerance; names the
            sample.
        InferenceError: The graph fails on a sample.
        RunTimeoutError: One run takes longer than that.
    """
    contract = servable.contract
    if contract is None or not contract.samples:
        return 0, 0.0
    begin = time.perf_counter()
    worst, count = 0.0, 0
    with ended_after(seconds * LONGEST_RUN) as stop:
        for sample in contract.samples:
            spent = time.perf_counter() - begin
            if count and spent + spent / count > seconds:
                break
            (answer,) = _answers(servable, contract, [sample.row], stop)
            worst = max(worst, _compare(contract, count, sample, answer))
            count += 1
        spent = time.perf_counter() - begin
        together = contract.samples[:count]
        if spent <= max(seconds - spent, _SHORT_SECONDS):
            answers = _answers(servable, contract, [sample.row for sample in together], stop)
            for index, (sample, answer) in enumerate(zip(together, answers, strict=True)):
                worst = max(worst, _compare(contract, index, sample, answer))
    return count, worst


def is_batch_exact(servable: Servable) -> bool:
    """Whether a row's answer is bit for bit the same alone and in a large batch.

    Only then may requests share a run. It is tried with the golden samples; a file without them is
    never batched. Only for a model whose large batch has been timed before.
    """
    contract = servable.contract
    if contract is None or not contract.samples:
        return False
    rows = [sample.row for sample in contract.samples]
    repeats = -(-max(ROW_COUNTS) // len(rows))
    together = servable.run(None, servable.to_feeds(rows * repeats))
    for index, row in enumerate(rows):
        alone = servable.run(None, servable.to_feeds([row]))
        for batch, single in zip(together, alone, strict=True):
            many = np.asarray(batch)[index :: len(rows)]
            if any(_bits(one) != _bits(np.asarray(single)[0]) for one in many):
                return False
    return True


def _bits(value: Any) -> Any:
    # Strings, and ZipMap's dicts, have no bytes of their own: their values are compared.
    array = np.asarray(value)
    return array.tolist() if array.dtype.kind in "OU" else array.tobytes()


def _answers(
    servable: Servable, contract: Contract, rows: list[Any], stop: Stop
) -> list[tuple[Any, ...]]:
    """Return the values of the answer's outputs for each row."""
    tensors = answer_tensors(contract)
    try:
        feeds = servable.to_feeds(rows)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArtifactError(f"the golden samples do not fit the model's inputs: {error}") from None
    results = servable.run([tensor.name for tensor in tensors], feeds, stop)
    decoders = iter([target.decoder for target in servable.targets] or [servable.labels])
    columns: list[list[Any]] = []
    for tensor, result in zip(tensors, results, strict=True):
        if len(result) != len(rows):
            raise ArtifactError(
                f"output '{tensor.name}' has {len(result)} rows for {len(rows)} samples"
            )
        if tensor.role == "label":
            columns.append(_decode(np.asarray(result), next(decoders)))
        else:
            columns.append(list(result))
    return list(zip(*columns, strict=True))


def _decode(labels: np.ndarray[Any, Any], decoder: LabelDecoder) -> list[Any]:
    if labels.ndim > 1 and labels.shape[1] == 1:
        labels = labels[:, 0]
    return decoder.decode_all(labels) if labels.ndim == 1 else labels.tolist()


def _compare(contract: Contract, index: int, sample: Sample, answer: tuple[Any, ...]) -> float:
    """Return the largest difference between a row's answer and the original's.

    Raises:
        ArtifactError: A label differs, or a difference is beyond the tolerance.
    """
    worst = 0.0
    tensors, expected = answer_tensors(contract), expected_values(contract, sample)
    for tensor, wanted, given in zip(tensors, expected, answer, strict=True):
        if wanted is None:
            continue
        if tensor.role == "label":
            _compare_labels(contract, index, tensor, (wanted, given))
        else:
            difference = _difference(index, tensor, wanted, given)
            worst = max(worst, _bounded(index, difference, contract.parity.tolerance + _ROUNDING))
    return worst


def _compare_labels(
    contract: Contract, index: int, tensor: AnswerTensor, labels: tuple[Any, Any]
) -> None:
    wanted, given = labels
    if given != wanted:
        what = f" as the {tensor.content}" if contract.labels else ""
        raise ArtifactError(
            f"golden sample {index} is answered {given!r}{what}, the original answered {wanted!r}"
        )


def _difference(index: int, tensor: AnswerTensor, wanted: Any, given: Any) -> float:
    """Return the largest difference of a number; of values relative to those above 1."""
    numbers = np.atleast_1d(np.asarray(wanted, dtype=np.float64))
    found = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if numbers.shape != found.shape:
        raise ArtifactError(
            f"golden sample {index} is answered with {tensor.content} of shape {found.shape}, "
            f"the contract has {len(numbers)}"
        )
    difference = np.abs(found - numbers)
    if tensor.role == "values":
        difference = difference / np.maximum(1.0, np.abs(numbers))
    return float(difference.max())


def _bounded(index: int, difference: float, tolerance: float) -> float:
    if math.isnan(difference) or difference > tolerance:
        raise ArtifactError(
            f"golden sample {index} differs by {difference:.3g} from the original's answer, "
            f"the recorded tolerance is {tolerance:.3g}"
        )
    return difference
