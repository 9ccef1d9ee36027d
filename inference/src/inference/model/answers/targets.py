"""One of several labels that a model predicts: its classes, and what decodes its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.labels import LabelDecoder, count_values, label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from inference.model.contract import LabelOutput


class Target:
    """A target of a loaded model.

    Args:
        described: What the contract says of it.

    Attributes:
        name: Its name in answers.
        label: The output with its label.
        probabilities: The output with its probabilities; ``None`` if it has none.
        decoder: Decodes the labels.
        keys: Each class as the key of a JSON object.
    """

    __slots__ = ("_counted", "decoder", "keys", "label", "name", "probabilities")

    def __init__(self, described: LabelOutput) -> None:
        self.name = described.name
        self.label = described.label
        self.probabilities = described.probabilities
        self.decoder = LabelDecoder(described.classes, described.encoded_classes)
        self.keys = [label_key(c) for c in described.classes]
        codes: list[Any] = described.encoded_classes or described.classes
        self._counted = dict(zip(codes, map(self.counted, self.keys), strict=True))

    def count(self, codes: np.ndarray[Any, Any]) -> dict[str, int]:
        """Return how often each label occurs, under names that tell targets apart.

        >>> import numpy as np; from inference.model.contract import LabelOutput
        >>> Target(LabelOutput("heavy", "out", [False, True], None, [0, 1])).count(np.ones(2, int))
        {'heavy=true': 2}
        """
        counted = self._counted
        if codes.size == 1:
            code = codes.item()
            return {counted.get(code) or self._count_unknown(code): 1}
        counts = count_values(codes)
        return {counted.get(code) or self._count_unknown(code): n for code, n in counts.items()}

    def counted(self, key: str) -> str:
        """Return the name under which a class is counted."""
        return f"{self.name}={key}"

    def _count_unknown(self, code: Any) -> str:
        return self.counted(label_key(code))


def count_targets(
    targets: Sequence[Target], names: Sequence[str], values: Sequence[Any]
) -> dict[str, int]:
    """Count the labels of all targets whose output is there, see :meth:`Target.count`.

    Args:
        targets: The targets of a model.
        names: Names of outputs.
        values: Their values.
    """
    counts: dict[str, int] = {}
    for target in targets:
        if target.label in names:
            counts |= target.count(values[names.index(target.label)])
    return counts
