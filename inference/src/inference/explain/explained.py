"""Which numbers of an answer are explained.

=================================  ==============================================================
model                              explained
=================================  ==============================================================
classifier with probabilities      the probability of each class (or its score)
classifier without them            1 for the answered label and 0 for the others
regressor                          the value
regressor with several targets     the value of each target
outlier detector                   the score
clustering                         the distance to each cluster; without distances as for a
                                   classifier without probabilities
=================================  ==============================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from inference.errors import ConflictError, InferenceError
from inference.model.labels import label_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable

Array = np.ndarray[Any, Any]
Output = Literal["probabilities", "scores", "distances", "label", "score", "value", "values"]

_EXPLAINED = ("classification", "regression", "outlier_detection", "clustering")


class Explained:
    """The explained numbers of one servable.

    Args:
        servable: The model; only parts of it are kept.

    Attributes:
        output: The member of an answer that they are.
        keys: The class or target of each; ``None`` for a single value.
        output_name: The ONNX output that has them.

    Raises:
        ConflictError: Its answers cannot be explained.
    """

    def __init__(self, servable: Servable) -> None:
        contract = servable.contract
        if contract is None or contract.task not in _EXPLAINED:
            raise ConflictError(
                f"the answers of model '{servable.name}' cannot be explained: they are more "
                "than one label, value, score or cluster"
            )
        outputs = contract.outputs
        self.output: Output
        self.keys: Sequence[str] | None
        table = outputs.probabilities or outputs.distances
        self.output_name = table or outputs.score or outputs.label
        self._decode_all = servable.labels.decode_all
        if contract.task == "regression":
            self.keys = contract.targets
            self.output = "value" if self.keys is None else "values"
        elif contract.task == "outlier_detection" and outputs.score:
            self.keys, self.output = None, "score"
        else:
            self.keys = servable.class_keys or []
            self.output = servable.table_name if table else "label"

    @property
    def has_classes(self) -> bool:
        """Whether each number belongs to a class."""
        return self.output not in ("score", "value", "values")

    def numbers(self, result: Any) -> Array:
        """Return the explained numbers in the value of the output.

        Returns:
            Shape ``[rows, keys]``, or ``[rows, 1]``; float64.

        Raises:
            InferenceError: The output has others.
        """
        width = 1 if self.keys is None else len(self.keys)
        if self.output == "label":
            return self._indicate(np.asarray(result).reshape(-1))
        numbers = np.asarray(result, dtype=np.float64)
        numbers = numbers.reshape(len(numbers), -1) if numbers.size else numbers.reshape(-1, width)
        if numbers.shape[1] != width:
            raise InferenceError(
                f"output '{self.output_name}' has {numbers.shape[1]} numbers for each row, "
                f"not {width}"
            )
        return numbers

    def spans(self, base: Array, answer: Array) -> Array:
        """Return the range of each number: of a probability 1, else that of the known answers.

        Args:
            base: Answers to the background rows, shape ``[background rows, keys]``.
            answer: The answer to the record, shape ``[keys]``.
        """
        if self.output in ("probabilities", "label"):
            return np.ones(len(answer))
        known = np.vstack((base, answer))
        return np.asarray(known.max(axis=0) - known.min(axis=0))

    def _indicate(self, codes: Array) -> Array:
        keys = self.keys or []
        places = {key: i for i, key in enumerate(keys)}
        indicators = np.zeros((len(codes), len(keys)))
        for row, label in enumerate(self._decode_all(codes)):
            place = places.get(label_key(label))
            if place is not None:
                indicators[row, place] = 1.0
        return indicators
