"""How well answers agree with the truth, by the metrics of the contract."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference.monitoring.feedback.records import Record


class Scores(msgspec.Struct, frozen=True, omit_defaults=True):
    """The metrics of some rows; those of held-out data have the same names in the contract.

    Attributes:
        rows: How many rows.
        accuracy: Share of right labels; of several labels, of the rows in which all are right.
        macro_f1: F1 score, unweighted mean over the classes that occur, and over several labels.
        mean_absolute_error: In the target's unit, the mean over several targets.
        root_mean_squared_error: In the target's unit; of several targets, of the mean square.
    """

    rows: int
    accuracy: float | None = None
    macro_f1: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None


def score(records: Sequence[Record]) -> Scores | None:
    """Score the rows of one version; rows of another kind than the latest are left out.

    Returns:
        ``None`` if there is no row with an answer.
    """
    if not records:
        return None
    kind = records[-1].kind
    pairs = [(_parts(r.truth), _parts(r.answer)) for r in records if r.kind == kind]
    names = pairs[-1][0].keys()
    pairs = [(t, a) for t, a in pairs if t.keys() == names and a.keys() == names]
    return _score_labels(pairs) if kind == "label" else _score_values(pairs)


def _parts(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"": value}


def _score_labels(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Scores | None:
    if not pairs:
        return None
    right = sum(truth == answer for truth, answer in pairs)
    means = [
        macro_f1((_key(truth[name]), _key(answer[name])) for truth, answer in pairs)
        for name in pairs[0][0]
    ]
    return Scores(len(pairs), accuracy=right / len(pairs), macro_f1=sum(means) / len(means))


def _key(label: Any) -> str:
    return label_key(label)


def macro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the mean F1 score over the classes that are a truth or an answer.

    Args:
        pairs: Truth and answer of each row; at least one.

    >>> round(macro_f1([("a", "a"), ("a", "b"), ("b", "b"), ("c", "b")]), 4)
    0.3889
    """
    counts = Counter(pairs)
    truths: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for (truth, answer), count in counts.items():
        truths[truth] += count
        answers[answer] += count
    classes = truths.keys() | answers.keys()
    # The order of a set differs between processes; the sum of all workers is to be the same.
    scores = (2 * counts[c, c] / (truths[c] + answers[c]) for c in classes)
    return math.fsum(scores) / len(classes)


def _score_values(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> Scores | None:
    known = [(t, a) for t, a in pairs if all(map(_is_finite, (*t.values(), *a.values())))]
    if not known:
        return None
    errors = [t[name] - a[name] for t, a in known for name in t]
    return Scores(
        len(known),
        mean_absolute_error=_sum(map(abs, errors)) / len(errors),
        root_mean_squared_error=math.sqrt(_sum(e * e for e in errors) / len(errors)),
    )


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _sum(numbers: Iterable[float]) -> float:
    """Return the sum of numbers from 0; infinity if it is out of the range of floats."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf
