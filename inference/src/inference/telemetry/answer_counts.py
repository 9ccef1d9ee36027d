"""What was answered: how often each class, and values outside the training range by feature.

Every series has a bound: the first :data:`SHOWN_LABELS` classes of a contract and the first
:data:`SHOWN_FEATURES` features have series of their own, all others count together as
:data:`OTHER`. Which ones does not depend on the traffic, so that all workers agree. Of a model of
several labels, the classes of one target follow those of another, as ``target=class``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from inference.model.labels import label_key

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters
    from inference.telemetry.timing import Timing

SHOWN_LABELS = 20
SHOWN_FEATURES = 50
OTHER = "(other)"
LABEL, RANGE = "label", "range"  # what a series counts, the first part of its key
_LONGEST = 80  # bytes of a name in a series' key


class AnswerCounts:
    """Counts predicted classes and out-of-range values of one servable; does not hold it.

    Args:
        counters: Of stride 1; a key is what is counted, model, version, name.
        servable: The servable.
    """

    def __init__(self, counters: Counters, servable: Servable) -> None:
        self._counters = counters
        self._values = counters.values
        self._start = servable.name, str(servable.version)
        keys = servable.class_keys
        if servable.targets:
            keys = [t.counted(key) for t in servable.targets[:SHOWN_LABELS] for key in t.keys]
        self._classes = None if keys is None else frozenset(keys[:SHOWN_LABELS])
        self._features = frozenset(f.name for f in (servable.features or ())[:SHOWN_FEATURES])
        self._labels: dict[Any, int] = {}  # where the shown ones are counted
        self._ranges: dict[str, int] = {}  # likewise all features

    def count(self, timing: Timing) -> None:
        """Count what one request was answered."""
        values = self._values
        if timing.labels:
            for label, count in timing.labels.items():
                index = self._labels.get(label)
                values[self._find_label(label) if index is None else index] += count
        for warning in timing.warnings:
            feature = warning["feature"]
            index = self._ranges.get(feature)
            values[self._find_feature(feature) if index is None else index] += 1.0

    def _find_label(self, label: Any) -> int:
        key = label_key(label)
        if self._classes is not None:
            is_shown = key in self._classes
        else:  # without a contract it is not known which classes there are
            is_shown = len(self._labels) < SHOWN_LABELS
        if not is_shown:
            return self._find(LABEL, OTHER)
        index = self._labels[label] = self._find(LABEL, key)
        return index

    def _find_feature(self, name: str) -> int:
        index = self._ranges[name] = self._find(RANGE, name if name in self._features else OTHER)
        return index

    def _find(self, what: str, name: str) -> int:
        return self._counters.find((what, *self._start, _cut(name)))


def _cut(name: str) -> str:
    """Cut a name down to what fits into a key, which is JSON."""
    name = name.encode("utf-8", "replace").decode()  # a file may hold what is not text
    if len(msgspec.json.encode(name)) <= _LONGEST:
        return name
    text = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in name)
    return text.encode()[: _LONGEST - 5].decode("utf-8", "ignore") + "..."
