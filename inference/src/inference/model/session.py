"""The onnxruntime session: the only module that imports onnxruntime.

Telemetry is on by default in the official Linux builds since 1.29 (onnxruntime#27379) and is read
when the library loads, so the switch is set before the import. Threads are ours to choose: by
default onnxruntime sizes its pool to the host and spins while idle (onnxruntime#11841, #27916).
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

from inference.errors import ArtefactError, InferenceError
from inference.model.binding import RowBinding
from inference.model.signature import Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

ort.disable_telemetry_events()


class Session:
    """A loaded ONNX graph.

    Args:
        data: The whole file; external data has been refused before.
        threads: Threads that one run may use.

    Attributes:
        signature: Its inputs and outputs.

    Raises:
        ArtefactError: onnxruntime cannot load it; says why.
    """

    def __init__(self, data: bytes, *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4  # what fails is raised; what is raised is logged by us
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # The arena keeps what the largest request ever needed; memory is worth more than the
        # microsecond it saves.
        options.enable_cpu_mem_arena = False
        try:
            self._session: Any = ort.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime raises a dozen kinds without a base
            raise ArtefactError(f"onnxruntime cannot load it: {_explain(error)}") from None
        # The binding itself, where it is to be had: the wrapper around it checks what the binding
        # checks again, and costs a small model a fifth of its run.
        self._run = getattr(self._session, "_sess", self._session).run
        self._outputs = [argument.name for argument in self._session.get_outputs()]
        self.signature = Signature(
            tuple(_specs(self._session.get_inputs())), tuple(_specs(self._session.get_outputs()))
        )

    @property
    def metadata(self) -> dict[str, str]:
        """The file's metadata properties."""
        properties: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return properties

    def run(self, outputs: Sequence[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """Run the graph once.

        Args:
            outputs: Names of the outputs wanted, ``None`` for all.
            feeds: An array per input, of the signature's type and shape.

        Returns:
            One value per output: an array, or a list of maps for ZipMap.

        Raises:
            InferenceError: onnxruntime refused the input or failed on it.
        """
        try:
            results: list[Any] = self._run(outputs or self._outputs, feeds, None)
        except Exception as error:  # noqa: BLE001 - likewise
            raise InferenceError(f"onnxruntime: {_explain(error)}") from None
        return results

    def bind_row(self, outputs: Sequence[str] | None, feeds: dict[str, Any]) -> RowBinding | None:
        """Prepare runs of one row; ``None`` where its outputs are no arrays.

        Args:
            outputs: Names of the outputs wanted, ``None`` for all.
            feeds: One row for the only input, a matrix of numbers; kept and written to.

        Raises:
            InferenceError: The graph fails on this row.
        """
        names = list(outputs or self._outputs)
        examples = dict(zip(names, self.run(names, feeds), strict=True))
        if not all(hasattr(example, "dtype") for example in examples.values()):
            return None
        ((name, matrix),) = feeds.items()
        io = self._session.io_binding()
        run = partial(self._session._sess.run_with_iobinding, io._iobinding, None)  # noqa: SLF001
        try:
            return RowBinding(io, run, name, matrix, examples)
        except Exception as error:  # noqa: BLE001 - likewise
            raise InferenceError(f"onnxruntime: {_explain(error)}") from None


def _specs(arguments: list[Any]) -> list[TensorSpec]:
    return [TensorSpec.from_onnx(a.name, a.type, a.shape) for a in arguments]


def _explain(error: Exception) -> str:
    # Messages begin "[ONNXRuntimeError] : 1 : FAIL : " and may go on over lines with source paths.
    text = str(error).split("\n", 1)[0]
    _, found, rest = text.partition("[ONNXRuntimeError] : ")
    parts = rest.split(" : ", 2) if found else [text]
    return parts[-1].strip()[:500] or type(error).__name__
