"""Element types of tensors, as far as they follow from how the tensors are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

if TYPE_CHECKING:
    from collections.abc import Sequence

ELEMENTS = {"int64": TensorProto.INT64, "bool": TensorProto.BOOL, "string": TensorProto.STRING}
# Operators whose first output has the type of their first input.
_ALIKE = frozenset(
    {
        *("Abs", "Add", "Clip", "Concat", "CumSum", "Div", "Exp", "Gather", "GatherElements"),
        *("Log", "Max", "Min", "Mul", "Neg", "ReduceMax", "ReduceSum", "Reshape", "Softmax"),
        *("Split", "Sqrt", "Sub", "TopK", "TreeEnsemble", "Unsqueeze"),
    }
)


class KnownTypes(dict[str, int]):
    """ONNX's number of the type of each tensor whose type is known."""

    def follow(self, kind: str, inputs: Sequence[str], output: str) -> None:
        """Note the type of a node's first output, if it is that of the first input."""
        if kind in _ALIKE and inputs[0] in self:
            self[output] = self[inputs[0]]
