"""One row at a time through a session, into arrays that are made once.

To make arrays of what goes in and what comes out takes about as long as a small model's run.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.contract import Scalar

_CPU = ("cpu", 0)


class RowBinding:
    """Runs one row; for one thread, since every run writes where the last one wrote.

    Args:
        io: Nothing is bound yet; onnxruntime's ``IOBinding``.
        run: Runs the session with what is bound.
        name: The graph's only input.
        matrix: What goes in, shape ``[1, columns]``; kept and written to.
        examples: What a run gave for it, by the outputs wanted.

    Attributes:
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
        # The letters of numpy's types are those of the machine's types in struct.
        self._write = partial(
            Struct(f"{matrix.size}{matrix.dtype.char}").pack_into, matrix.data.cast("B"), 0
        )
        io.bind_input(name, *_CPU, matrix.dtype.type, matrix.shape, matrix.ctypes.data)
        for output in examples:
            io.bind_output(output, *_CPU)
        run()
        made = dict(zip(examples, io.get_outputs(), strict=True))
        io.clear_binding_outputs()
        self.results: list[Any] = []
        self._texts: list[tuple[int, Any]] = []
        for index, (output, example) in enumerate(examples.items()):
            array = np.empty_like(example)
            self.results.append(array)
            if example.dtype == np.object_:
                # Text lies in onnxruntime's memory: what the first run made is written over.
                io.bind_ortvalue_output(output, made[output])
                self._texts.append((index, made[output]))
            else:
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
