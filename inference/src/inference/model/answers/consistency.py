"""Check that a contract describes the answer of its task, and that its samples are such answers.

==========================  ===================================================================
task                        needs
==========================  ===================================================================
classification              ``classes``
regression                  nothing; ``targets`` for several values
multioutput_classification  ``labels``, with classes each
outlier_detection           ``classes`` of ``[-1, 1]``
clustering                  ``classes``, whole numbers
transformation              ``targets``, a name for each column of the vector
==========================  ===================================================================
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from inference.errors import ContractError
from inference.model.contract import MAX_FEATURES
from inference.model.feature_rules import INT64_MAX, INT64_MIN
from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Contract, Label, Sample

_OUTLIER_CLASSES = [-1, 1]


def require(holds: object, complaint: str) -> None:
    """Refuse a contract for which something does not hold.

    Raises:
        ContractError: With the complaint.
    """
    if not holds:
        raise ContractError(f"the contract is inconsistent: {complaint}")


def check_answer(contract: Contract) -> None:
    """Check the fields that describe the answer.

    Raises:
        ContractError: Names the first thing that is inconsistent.
    """
    _check_ownership(contract)
    match contract.task:
        case "classification":
            _check_classification(contract)
        case "multioutput_classification":
            _check_labels(contract)
        case "outlier_detection":
            _check_outliers(contract)
        case "clustering":
            _check_clusters(contract)
        case "transformation":
            _check_vector(contract)


def _check_ownership(contract: Contract) -> None:
    """Check that no field is given that only another task has."""
    outputs, task = contract.outputs, contract.task
    owners: list[tuple[str, object, set[str]]] = [
        ("labels", contract.labels, {"multioutput_classification"}),
        ("outputs.score", outputs.score, {"outlier_detection"}),
        ("outputs.distances", outputs.distances, {"clustering"}),
    ]
    if task not in {"classification", "regression"}:  # they have always ignored these
        owners += [
            ("classes", contract.classes, {"outlier_detection", "clustering"}),
            ("targets", contract.targets, {"transformation"}),
            ("outputs.probabilities", outputs.probabilities, {"clustering"}),
            ("outputs.encoded_classes", outputs.encoded_classes, set()),
        ]
    for field, given, tasks in owners:
        require(given is None or task in tasks, f"the task '{task}' has no {field}")
    for index, sample in enumerate(contract.samples):
        for field, value, has in (
            ("score", sample.score, outputs.score),
            ("distances", sample.distances, outputs.distances),
        ):
            require(value is None or has, f"sample {index} has {field}, outputs.{field} is missing")


def _check_classification(contract: Contract) -> None:
    classes = contract.classes or []
    _check_classes(classes, "a classification")
    _check_encoded(contract.outputs.encoded_classes, classes)
    for index, sample in enumerate(contract.samples):
        _check_class(index, sample.label, classes)
        _check_count(index, "probabilities", sample.probabilities, classes)


def _check_labels(contract: Contract) -> None:
    labels = contract.labels or []
    require(labels, "a multioutput classification lists no labels")
    names = [target.name for target in labels]
    _check_names(names, "targets")
    _check_outputs([name for target in labels for name in (target.label, target.probabilities)])
    first = labels[0].label
    require(contract.outputs.label == first, f"outputs.label is not '{first}', of the first target")
    for target in labels:
        _check_classes(target.classes, f"target '{target.name}'")
        _check_encoded(target.encoded_classes, target.classes)
    for index, sample in enumerate(contract.samples):
        _check_sample_of_labels(contract, index, sample)


def _check_sample_of_labels(contract: Contract, index: int, sample: Sample) -> None:
    labels = contract.labels or []
    given = sample.label if isinstance(sample.label, list) else [sample.label]
    require(len(given) == len(labels), f"sample {index} has {len(given)} of {len(labels)} labels")
    tables = [None] * len(labels) if sample.probabilities is None else sample.probabilities
    require(
        len(tables) == len(labels),
        f"sample {index} has probabilities for {len(tables)} of {len(labels)} targets",
    )
    for target, label, table in zip(labels, given, tables, strict=True):
        _check_class(index, label, target.classes)
        numbers = [table] if isinstance(table, float) else table
        _check_count(index, "probabilities", numbers, target.classes)


def _check_outliers(contract: Contract) -> None:
    classes = contract.classes or []
    is_pair = classes == _OUTLIER_CLASSES and all(type(c) is int for c in classes)
    require(is_pair, "the classes of an outlier detection are [-1, 1], outlier and inlier")
    _check_outputs([contract.outputs.label, contract.outputs.score])
    for index, sample in enumerate(contract.samples):
        _check_class(index, sample.label, classes)
        is_finite = sample.score is None or math.isfinite(sample.score)
        require(is_finite, f"sample {index} has a score that is not finite")


def _check_clusters(contract: Contract) -> None:
    classes = contract.classes or []
    _check_classes(classes, "a clustering")
    whole = all(type(c) is int and INT64_MIN <= c <= INT64_MAX for c in classes)
    require(whole, "the classes of a clustering are the numbers of its clusters, 64-bit integers")
    outputs = contract.outputs
    both = outputs.probabilities is not None and outputs.distances is not None
    require(not both, "a clustering has probabilities or distances, not both")
    _check_outputs([outputs.label, outputs.probabilities, outputs.distances])
    for index, sample in enumerate(contract.samples):
        _check_class(index, sample.label, classes)
        _check_count(index, "probabilities", sample.probabilities, classes)
        _check_count(index, "distances", sample.distances, classes)


def _check_vector(contract: Contract) -> None:
    targets = contract.targets or []
    require(targets, "a transformation lists no targets: it names the columns of its vector")
    _check_names(targets, "targets")
    for index, sample in enumerate(contract.samples):
        vector = sample.label if isinstance(sample.label, list) else [sample.label]
        require(
            len(vector) == len(targets) and all(type(v) in (int, float) for v in vector),
            f"sample {index} is not a vector of {len(targets)} numbers",
        )
        require(all(map(_is_finite, vector)), f"sample {index} has a number that is not finite")


def _check_outputs(names: Sequence[str | None]) -> None:
    counts = Counter(name for name in names if name is not None)
    name, count = counts.most_common(1)[0]
    require(count == 1, f"it names the output '{name}' twice")


def _check_names(names: list[str], what: str) -> None:
    require(len(names) <= MAX_FEATURES, f"it has over {MAX_FEATURES:,} {what}")
    require(all(names), f"one of its {what} has an empty name")
    require(len(set(names)) == len(names), f"two of its {what} have the same name")


def _check_classes(classes: list[Label], owner: str) -> None:
    require(classes, f"{owner} lists no classes")
    require(len({label_key(c) for c in classes}) == len(classes), "two classes have the same name")


def _check_encoded(encoded: list[str | int] | None, classes: list[Label]) -> None:
    count = len(classes) if encoded is None else len(encoded)
    require(count == len(classes), f"{count} encoded classes stand for {len(classes)} classes")


def _check_class(index: int, label: Any, classes: list[Label]) -> None:
    known = any(type(label) is type(c) and label == c for c in classes)
    require(known, f"sample {index} has the label {label!r}, which is not a class")


def _check_count(
    index: int, what: str, numbers: Sequence[Any] | None, classes: list[Label]
) -> None:
    if numbers is None:
        return
    require(len(numbers) == len(classes), f"sample {index} has {len(numbers)} {what}")
    require(
        all(type(n) in (int, float) for n in numbers), f"sample {index} has {what} that are lists"
    )


def _is_finite(number: Any) -> bool:
    return math.isfinite(number)
