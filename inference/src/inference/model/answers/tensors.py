"""Which outputs of a graph hold an answer, and of which shape each is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inference.errors import ArtifactError

if TYPE_CHECKING:
    from inference.model.contract import Contract
    from inference.model.signature import Signature, TensorSpec

_LABELS, _NUMBERS = "Oiub", "fiu"


class AnswerTensor(NamedTuple):
    """One output that a contract names.

    Attributes:
        name: Its name in the graph.
        content: What it holds, for messages.
        kinds: NumPy's kinds of its elements; ``None`` for anything that a run may give.
        width: How many values a row has; ``None`` for any number. A width of 1 may also have the
            shape ``[rows]``.
    """

    name: str
    content: str
    kinds: str | None = None
    width: int | None = None


def answer_tensors(contract: Contract) -> list[AnswerTensor]:
    """List the outputs that hold the answer, in the order in which an answer is built from them."""
    outputs = contract.outputs
    width = len(contract.classes or ())
    match contract.task:
        case "classification" | "regression":
            # A classifier may give ZipMap's maps; what its table holds, the samples show.
            named = [outputs.label, outputs.probabilities]
            return [AnswerTensor(name, "answer") for name in named if name is not None]
        case "multioutput_classification":
            return _tensors_of_labels(contract)
        case "transformation":
            count = len(contract.targets or ())
            return [AnswerTensor(outputs.label, "vector", _NUMBERS, count)]
    tensors = [AnswerTensor(outputs.label, "label", "iu", 1)]
    for name, content, count in (
        (outputs.score, "score", 1),
        (outputs.probabilities, "probabilities", width),
        (outputs.distances, "distances", width),
    ):
        if name is not None:
            tensors.append(AnswerTensor(name, content, _NUMBERS, count))
    return tensors


def _tensors_of_labels(contract: Contract) -> list[AnswerTensor]:
    """List the label of each target, then the probabilities of those that have them."""
    targets = contract.labels or []
    labels = [AnswerTensor(t.label, f"label of target '{t.name}'", _LABELS, 1) for t in targets]
    return labels + [
        AnswerTensor(
            t.probabilities, f"probabilities of target '{t.name}'", _NUMBERS, len(t.classes)
        )
        for t in targets
        if t.probabilities is not None
    ]


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
    shapes = (1, 2) if tensor.width == 1 else (2,)
    columns = spec.shape[1] if len(spec.shape) > 1 else 1
    if len(spec.shape) not in shapes or columns not in (-1, tensor.width):
        raise ArtifactError(
            f"output '{spec.name}' has the shape {list(spec.shape)}, the {tensor.content} needs "
            f"[rows, {tensor.width}]"
        )
