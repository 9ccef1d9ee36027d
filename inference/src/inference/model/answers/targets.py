"""One of several labels that a model predicts: its classes, and what decodes its output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.labels import LabelDecoder, label_key

if TYPE_CHECKING:
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

    __slots__ = ("decoder", "keys", "label", "name", "probabilities")

    def __init__(self, described: LabelOutput) -> None:
        self.name = described.name
        self.label = described.label
        self.probabilities = described.probabilities
        self.decoder = LabelDecoder(described.classes, described.encoded_classes)
        self.keys = [label_key(c) for c in described.classes]

    def count(self, codes: Any) -> dict[str, int]:
        """Return how often each label occurs, under names that tell targets apart.

        >>> from inference.model.contract import LabelOutput
        >>> Target(LabelOutput("heavy", "out", [False, True], None, [0, 1])).count([1, 1, 0])
        {'heavy=true': 2, 'heavy=false': 1}
        """
        counts: dict[str, int] = {}
        for label, count in self.decoder.count(codes).items():
            name = self.counted(label_key(label))
            counts[name] = counts.get(name, 0) + count
        return counts

    def counted(self, key: str) -> str:
        """Return the name under which a class is counted."""
        return f"{self.name}={key}"
