"""The outputs of the file as the contract describes them, and names for several targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.errors import ModelError, OptionError
from inference.model.contract import MAX_FEATURES, LabelOutput, Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.outputs import OutputNames
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator


def check_target_names(
    names: Sequence[str] | None, original: FittedEstimator, answers: Answers
) -> None:
    """Check the names that the caller passed.

    Raises:
        OptionError: They are not one distinct name for each of several targets.
    """
    if names is None:
        return
    count = _count(original, answers)
    if count is None:
        raise OptionError(
            "target_names is for models of several targets, labels or numbers: leave it out"
        )
    listed = not isinstance(names, str) and hasattr(names, "__len__")
    different = {str(name) for name in names} - {""} if listed else set()
    if not listed or not len(names) == len(different) == count:
        kind = "labels" if original.labels else "values"
        raise OptionError(f"target_names must be {count} different names for the {count} {kind}")


def name_targets(
    original: FittedEstimator, answers: Answers, names: Sequence[str] | None
) -> list[str] | None:
    """Name the labels, values or numbers that a model of several targets answers with.

    Args:
        original: The model.
        answers: Its answers.
        names: Names from the caller, or from the columns of y; used if they fit.

    Raises:
        ModelError: There are more numbers than an answer can have.
    """
    count = _count(original, answers)
    if count is None:
        return None
    if count > MAX_FEATURES:
        raise ModelError(
            f"it answers with {count:,} numbers per row, the limit is {MAX_FEATURES:,}: end the "
            "pipeline with PCA or TruncatedSVD"
        )
    if original.task == "transformation" and names is None:
        names = original.vector_names
    found = [str(name) for name in names or []]
    if len(found) == count == len(set(found)) and all(found):
        return found
    stem = "y" if original.task == "regression" else "output_"
    return [f"{stem}{place}" for place in range(count)]


def name_outputs(original: FittedEstimator, outputs: OutputNames) -> Outputs:
    """Describe the outputs of a file; of several labels, the first."""
    single = not original.has_several_labels
    is_clustering = original.task == "clustering"
    return Outputs(
        label=outputs.labels[0],
        probabilities=outputs.probabilities[0] if outputs.probabilities and single else None,
        encoded_classes=original.encoded_classes,
        score=None if is_clustering else outputs.scores,
        distances=outputs.scores if is_clustering else None,
    )


def name_labels(
    original: FittedEstimator, outputs: OutputNames, names: Sequence[str] | None
) -> list[LabelOutput] | None:
    """Describe the outputs of each of several labels; ``None`` for other models."""
    if not original.has_several_labels or names is None:
        return None
    shares = outputs.probabilities or [None] * len(names)
    parts = zip(names, outputs.labels, original.labels, shares, strict=True)
    return [
        LabelOutput(name, label, classes.labels, probabilities, classes.encoded)
        for name, label, classes, probabilities in parts
    ]


def _count(original: FittedEstimator, answers: Answers) -> int | None:
    """Return how many targets need names; ``None`` if the answer is a single one."""
    if original.has_several_labels:
        return len(original.labels)
    several = not original.labels and answers.labels.ndim > 1
    return answers.labels.shape[1] if several else None
