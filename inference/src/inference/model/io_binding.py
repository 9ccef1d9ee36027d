"""One row at a time through a session, into arrays that are made once.

To make arrays of what goes in and what comes out takes about as long as a small model's run.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.contract import Scalar

_CPU = ("cpu", 0)
_ALIGNMENT = 16  # bytes, as of NumPy's arrays


class BoundPart(NamedTuple):
    """Where an input or output with numbers is in the memory of a binding.

    Attributes:
        name: Its name.
        dtype: The type of its values.
        shape: The shape of its array, of one row.
        offset: Where it begins, in bytes.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int


class BoundNames(tuple[str, ...]):  # noqa: SLOT001 - a tuple has no slots beside its own
    """The names of a binding's outputs.

    Attributes:
        memory: All numbers of the last row: what went in, and what came out; without texts.
        parts: What is where in the memory, the input first.
    """

    memory: memoryview
    parts: list[BoundPart]


class RowBinding:
    """Runs one row; for one thread, since every run writes where the last one wrote.

    Args:
        io: Nothing is bound yet; onnxruntime's ``IOBinding``.
        run: Runs the session with what is bound.
        name: The graph's only input.
        matrix: An example of what goes in, shape ``[1, columns]``.
        examples: What a run gave for it, by the outputs wanted.

    Attributes:
        names: The outputs, and the memory of the last row.
        results: One array per output, of the last row; the next run overwrites them.
    """

    def __init__(
        self,
        io: Any,
        run: Callable[[], None],
        name: str,
        matrix: np.ndarray[Any, Any],
        examples: dict[str, np.ndarray[Any, Any]],
    ) -> None:
        self._run = run
        parts, arrays, memory = _allocate({name: matrix} | examples)
        self.names = BoundNames(examples)
        self.names.parts, self.names.memory = parts, memory.data.toreadonly()
        given = arrays.pop(name)
        given[:] = matrix
        # The letters of numpy's types are those of the machine's types in struct.
        self._write = partial(
            Struct(f"{given.size}{given.dtype.char}").pack_into, given.data.cast("B"), 0
        )
        io.bind_input(name, *_CPU, given.dtype.type, given.shape, given.ctypes.data)
        for output in examples:
            io.bind_output(output, *_CPU)
        run()
        made = dict(zip(examples, io.get_outputs(), strict=True))
        io.clear_binding_outputs()
        self.results: list[Any] = []
        self._texts: list[tuple[int, Any]] = []
        for index, (output, example) in enumerate(examples.items()):
            array = arrays.get(output)
            if array is None:
                # Text lies in onnxruntime's memory: what the first run made is written over.
                self.results.append(np.empty_like(example))
                io.bind_ortvalue_output(output, made[output])
                self._texts.append((index, made[output]))
            else:
                self.results.append(array)
                io.bind_output(output, *_CPU, array.dtype.type, array.shape, array.ctypes.data)

    def run(self, row: Sequence[Scalar]) -> list[Any]:
        """Run the graph for one row.

        Args:
            row: Finite numbers within the range of the input's type.

        Returns:
            One array per output, of one row; the next run overwrites them.

        Raises:
            InferenceError: onnxruntime failed on it, or it is not within that range.
        """
        try:
            self._write(*row)
            self._run()
        except Exception as error:  # noqa: BLE001 - onnxruntime raises a dozen kinds without a base
            raise InferenceError(f"onnxruntime: {error}") from None
        results = self.results
        for index, text in self._texts:
            results[index] = text.numpy()
        return results


def _allocate(
    examples: dict[str, np.ndarray[Any, Any]],
) -> tuple[list[BoundPart], dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Allocate arrays like these ones in one piece of memory; texts are left out.

    Returns:
        Where each array is, the arrays by name, and the memory.
    """
    parts, size = [], 0
    for name, example in examples.items():
        if example.dtype != np.object_:
            parts.append(BoundPart(name, example.dtype, example.shape, size))
            size += -(-example.nbytes // _ALIGNMENT) * _ALIGNMENT
    memory = np.zeros(size, np.uint8)
    arrays = {part.name: np.ndarray(part.shape, part.dtype, memory, part.offset) for part in parts}
    return parts, arrays, memory
