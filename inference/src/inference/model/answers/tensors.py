"""Which outputs of a graph hold an answer, and of which shape each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from inference.errors import ArtifactError

if TYPE_CHECKING:
    from inference.model.contract import Contract, Sample
    from inference.model.signature import Signature, TensorSpec

_LABELS, _NUMBERS = "Oiub", "fiu"


class AnswerTensor(NamedTuple):
    """One output that a contract names.

    Attributes:
        name: Its name in the graph.
        content: What it holds, for messages.
        role: How a value is compared with the original's: labels are equal, probabilities differ by
            at most the tolerance, and so do values, relative to those above 1.
        kinds: NumPy's kinds of its elements; ``None`` for anything that a run may give.
        width: How many values a row has; ``None`` for any number.
        is_column: Whether it may also have the shape ``[rows]``.
    """

    name: str
    content: str
    role: Literal["label", "probabilities", "values"]
    kinds: str | None = None
    width: int | None = None
    is_column: bool = False


def answer_tensors(contract: Contract) -> list[AnswerTensor]:
    """List the outputs that hold the answer, in the order in which an answer is built from them."""
    outputs = contract.outputs
    match contract.task:
        case "classification":
            # A classifier may give ZipMap's maps; what its table holds, the samples show.
            tensors = [AnswerTensor(outputs.label, "label", "label")]
            if outputs.probabilities is not None:
                tensors.append(
                    AnswerTensor(outputs.probabilities, "probabilities", "probabilities")
                )
            return tensors
        case "regression":
            return [AnswerTensor(outputs.label, "value", "values")]
        case "transformation":
            count = len(contract.targets or ())
            return [AnswerTensor(outputs.label, "vector", "values", _NUMBERS, count)]
        case "multioutput_classification":
            return _tensors_of_labels(contract)
        case _:
            return _tensors_of_score_or_clusters(contract)


def _tensors_of_score_or_clusters(contract: Contract) -> list[AnswerTensor]:
    outputs, width = contract.outputs, len(contract.classes or ())
    tensors = [AnswerTensor(outputs.label, "label", "label", "iu", 1, is_column=True)]
    if outputs.score is not None:
        tensors.append(AnswerTensor(outputs.score, "score", "values", _NUMBERS, 1, is_column=True))
    if outputs.probabilities is not None:
        tensors.append(
            AnswerTensor(outputs.probabilities, "probabilities", "probabilities", _NUMBERS, width)
        )
    if outputs.distances is not None:
        tensors.append(AnswerTensor(outputs.distances, "distances", "values", _NUMBERS, width))
    return tensors


def _tensors_of_labels(contract: Contract) -> list[AnswerTensor]:
    """List the label of each target, then the probabilities of those that have them."""
    targets = contract.labels or []
    labels = [
        AnswerTensor(t.label, f"label of target '{t.name}'", "label", _LABELS, 1, is_column=True)
        for t in targets
    ]
    return labels + [
        AnswerTensor(
            t.probabilities,
            f"probabilities of target '{t.name}'",
            "probabilities",
            _NUMBERS,
            len(t.classes),
        )
        for t in targets
        if t.probabilities is not None
    ]


def table_output(contract: Contract) -> str | None:
    """Name the output with a number for each class; ``None`` where there is no such output."""
    if contract.task not in {"classification", "clustering"}:
        return None
    return contract.outputs.probabilities or contract.outputs.distances


def expected_values(contract: Contract, sample: Sample) -> list[Any]:
    """Return what a golden sample says of each of the :func:`answer_tensors`.

    Returns:
        A label, a number or a list of numbers each; ``None`` where the sample does not say.
    """
    if contract.labels is not None:
        tables = sample.probabilities or [None] * len(contract.labels)
        labels = sample.label if isinstance(sample.label, list) else [sample.label]
        pairs = zip(contract.labels, tables, strict=True)
        return labels + [table for target, table in pairs if target.probabilities is not None]
    by_output = {
        contract.outputs.score: sample.score,
        contract.outputs.probabilities: sample.probabilities,
        contract.outputs.distances: sample.distances,
    }
    return [sample.label, *(by_output[tensor.name] for tensor in answer_tensors(contract)[1:])]


def check_outputs(contract: Contract, signature: Signature) -> None:
    """Check that a graph has the outputs that its contract names, of the right type and width.

    Raises:
        ArtifactError: One is missing, or holds something else.
    """
    for tensor in answer_tensors(contract):
        spec = signature.output(tensor.name)
        if spec is None:
            raise ArtifactError(
                f"the contract names the output '{tensor.name}', which the graph lacks"
            )
        if tensor.kinds is not None:
            _check_tensor(tensor, spec)


def _check_tensor(tensor: AnswerTensor, spec: TensorSpec) -> None:
    if spec.dtype is None or spec.dtype.kind not in (tensor.kinds or ""):
        raise ArtifactError(
            f"output '{spec.name}' is {spec.onnx_type}, which cannot hold the {tensor.content}"
        )
    shapes = (1, 2) if tensor.is_column else (2,)
    columns = spec.shape[1] if len(spec.shape) > 1 else 1
    if len(spec.shape) not in shapes or columns not in (-1, tensor.width):
        raise ArtifactError(
            f"output '{spec.name}', which holds the {tensor.content}, has the shape "
            f"{list(spec.shape)} and not [rows, {tensor.width}]"
        )
