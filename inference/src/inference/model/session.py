"""The onnxruntime session: the only module that imports onnxruntime.

Telemetry is on by default in the official Linux builds since 1.29 (onnxruntime#27379) and is read
when the library loads, so the switch is set before the import. Threads are ours to choose: by
default onnxruntime sizes its pool to the host and spins while idle (onnxruntime#11841, #27916).
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime as ort

from inference.errors import (
    ArtifactError,
    InferenceError,
    OverloadedError,
    RookeryError,
    RunTimeoutError,
    TooLargeError,
)
from inference.model.io_binding import RowBinding
from inference.model.signature import Signature, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

ort.disable_telemetry_events()

# How onnxruntime refuses memory: the arena its own, and the machine's.
_OUT_OF_MEMORY = ("Available memory of", "bad_alloc", "Failed to allocate memory")
_REQUESTED = re.compile(r"requested bytes of ([0-9]+)")  # of one tensor
_NO_LOCALE = re.compile(r"Failed to construct locale with name: ?([^:]+):")
_IMAGE_LOCALES = ("en_US", "en_US.UTF-8")
_EXTEND_AS_REQUESTED = 1
_GIVE_BACK = ("memory.enable_memory_arena_shrinkage", "cpu:0")
_ONE_ARENA = threading.Lock()


class Stop:
    """Ends one run from outside; a run that is within one long operator ends after it."""

    def __init__(self) -> None:
        self.options = ort.RunOptions()
        self._seconds = 0.0
        self._gives_back = False

    def give_back(self) -> None:
        """Free what the arena does not need any more after the run."""
        if not self._gives_back:  # onnxruntime would write a line about a second time
            self.options.add_run_config_entry(*_GIVE_BACK)
        self._gives_back = True

    def end(self, seconds: float) -> None:
        """End the run, which has taken so many seconds."""
        self._seconds = seconds
        self.options.terminate = True

    def explain(self) -> RunTimeoutError | None:
        """Say why the run failed, if it is because it was ended."""
        if not self.options.terminate:
            return None
        return RunTimeoutError(f"a run took over {self._seconds:g} seconds and was ended")


class Session:
    """A loaded ONNX graph.

    Args:
        data: The whole file, or its path; external data has been refused before.
        threads: Threads that one run may use.
        memory_bytes: The most memory that its runs may take together for tensors, beside its
            weights; ``None`` sets no limit.
        fixed_sizes: Whether the sizes of its tensors follow from the shapes of its inputs.

    Attributes:
        signature: Its inputs and outputs.

    Raises:
        ArtifactError: onnxruntime cannot load it; says why.
    """

    def __init__(
        self,
        data: bytes | str,
        *,
        threads: int = 1,
        memory_bytes: int | None = None,
        fixed_sizes: bool = True,
    ) -> None:
        self._memory_bytes = memory_bytes
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 4  # what fails is raised; what is raised is logged by us
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it would have no limit
        # A run would begin by taking as much as one before with inputs of the same shapes.
        options.enable_mem_pattern = fixed_sizes
        try:
            self._session: Any = _load(data, options, memory_bytes)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises a dozen kinds without a base
            missing = _NO_LOCALE.search(str(error))
            if missing is not None:
                raise ArtifactError(_explain_locale(missing[1])) from None
            raise ArtifactError(f"onnxruntime cannot load it: {_explain(error)}") from None
        # The binding itself, where it is to be had: the wrapper around it checks what the binding
        # checks again, and costs a small model a fifth of its run.
        self._run = getattr(self._session, "_sess", self._session).run
        # One for all runs that nothing ends: where there is none, each run makes its own.
        self._inline = ort.RunOptions()
        # Of the runs that can be ended: how many have begun in all, and are under way.
        self._begun = self._under_way = 0
        self._counting = threading.Lock()
        self.signature = Signature(
            tuple(_specs(self._session.get_inputs())), tuple(_specs(self._session.get_outputs()))
        )
        self._outputs = [s.name for s in self.signature.outputs if s.has_known_elements]

    @property
    def metadata(self) -> dict[str, str]:
        """The file's metadata properties."""
        properties: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return properties

    def run(
        self, outputs: Sequence[str] | None, feeds: dict[str, Any], stop: Stop | None = None
    ) -> list[Any]:
        """Run the graph once.

        Args:
            outputs: Names of the outputs wanted, ``None`` for all with known elements.
            feeds: An array per input, of the signature's type and shape.
            stop: Ends the run; without it nothing does.

        Returns:
            One value per output: an array, or a list of maps for ZipMap.

        Raises:
            InferenceError: onnxruntime refused the input or failed on it.
            OverloadedError: The runs under way need more memory than they may take together.
            RunTimeoutError: It was ended.
            TooLargeError: It alone needs more memory than runs may take.
        """
        names = outputs or self._outputs
        if stop is None:
            try:
                results: list[Any] = self._run(names, feeds, self._inline)
            except Exception as error:  # noqa: BLE001 - likewise
                raise self._failure(error, is_alone=not self._under_way) from None
            return results
        if self._memory_bytes is not None:
            stop.give_back()
        with self._counting:
            others = self._under_way
            self._under_way += 1
            self._begun = begun = self._begun + 1
        try:
            return self._run_again(names, feeds, stop)
        except Exception as error:  # noqa: BLE001 - likewise
            is_alone = not others and begun == self._begun
            raise self._failure(error, stop, is_alone=is_alone) from None
        finally:
            with self._counting:
                self._under_way -= 1

    def give_back(self, feeds: dict[str, Any]) -> None:
        """Free the memory of released results; a run frees only its own.

        Args:
            feeds: What the session can be run with.
        """
        if self._memory_bytes is None:
            return
        stop = Stop()
        stop.give_back()
        stop.end(0)
        with contextlib.suppress(Exception):  # it is ended before it begins
            self._run(self._outputs, feeds, stop.options)

    def _run_again(self, names: Sequence[str], feeds: dict[str, Any], stop: Stop) -> list[Any]:
        """Run, and once more where the arena was only too fragmented: to fail has emptied it."""
        try:
            results: list[Any] = self._run(names, feeds, stop.options)
        except Exception as error:
            if stop.options.terminate or not _is_out_of_memory(error):
                raise
            results = self._run(names, feeds, stop.options)
        return results

    def _failure(
        self, error: Exception, stop: Stop | None = None, *, is_alone: bool
    ) -> RookeryError:
        ended = stop.explain() if stop is not None else None
        if ended is not None:
            return ended
        if self._memory_bytes is not None and _is_out_of_memory(error):
            requested = _REQUESTED.search(str(error))
            fits = requested is None or int(requested[1]) <= self._memory_bytes
            if fits and not is_alone:
                return OverloadedError(
                    f"the runs of this model need more than {self._memory_bytes:,} bytes of memory "
                    "together (INFERENCE_RUN_MEMORY_BYTES): try again"
                )
            return TooLargeError(
                f"a run for this request needs more than {self._memory_bytes:,} bytes of memory "
                "(INFERENCE_RUN_MEMORY_BYTES): ask for fewer rows"
            )
        return InferenceError(f"onnxruntime: {_explain(error)}")

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
        run = partial(self._session._sess.run_with_iobinding, io._iobinding, self._inline)  # noqa: SLF001
        try:
            return RowBinding(io, run, name, matrix, examples)
        except Exception as error:  # noqa: BLE001 - likewise
            raise InferenceError(f"onnxruntime: {_explain(error)}") from None


def _load(data: bytes | str, options: Any, memory_bytes: int | None) -> Any:
    """Load a graph, with an arena of its own where its memory is limited.

    A session takes the arena that is registered when it is loaded, and keeps it; another one
    replaces it for the next session.
    """
    providers = ["CPUExecutionProvider"]
    if memory_bytes is None:
        return ort.InferenceSession(data, options, providers=providers)
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    kind, memory = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, ort.OrtMemType.DEFAULT
    with _ONE_ARENA:
        arena = ort.OrtArenaCfg(memory_bytes, _EXTEND_AS_REQUESTED, -1, -1)
        ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, memory), arena)
        return ort.InferenceSession(data, options, providers=providers)


def _is_out_of_memory(error: Exception) -> bool:
    return any(sign in str(error) for sign in _OUT_OF_MEMORY)


def _specs(arguments: list[Any]) -> list[TensorSpec]:
    return [TensorSpec.from_onnx(a.name, a.type, a.shape) for a in arguments]


def _explain_locale(name: str) -> str:
    image = ", run the project's image, which has it," if name in _IMAGE_LOCALES else ""
    return (
        f"its texts need the locale '{name}', which this machine does not have: install it "
        f"(Debian: package locales-all){image} or export the model with the locale 'C.UTF-8'"
    )


def _explain(error: Exception) -> str:
    # Messages begin "[ONNXRuntimeError] : 1 : FAIL : " and may go on over lines with source paths.
    text = str(error).split("\n", 1)[0]
    _, found, rest = text.partition("[ONNXRuntimeError] : ")
    parts = rest.split(" : ", 2) if found else [text]
    return parts[-1].strip()[:500] or type(error).__name__
