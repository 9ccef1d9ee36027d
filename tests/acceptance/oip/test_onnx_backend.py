"""The backend tests of the onnx package, copied into the models folder as foreign files.

Each model that onnxruntime loads and whose datatypes the protocol has is asked over the service
with Triton's client, through binary. To examine one file in a child process takes half a second,
and here are thousands of them, so they are examined in this process and the service finds the
reports; set ``ONNX_BACKEND_ADMISSION=1`` to have it examine each itself.
"""

from __future__ import annotations

import collections
import itertools
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import tritonclient.http as triton
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner
from tritonclient.utils import InferenceServerException

from inference.admission.examiner import examine_here
from inference.admission.report_cache import ReportCache
from support.models.oip_models import ELEMENTS
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx.backend.test.case.test_case import TestCase

pytestmark = pytest.mark.long

KINDS = ("node", "simple", "pytorch-operator", "pytorch-converted")
REAL_ADMISSION = os.environ.get("ONNX_BACKEND_ADMISSION") == "1"
_AT_ONCE = 400
_DATATYPES = dict(
    zip(
        (
            *("float", "uint8", "int8", "uint16", "int16", "int32", "int64"),
            *("string", "bool", "float16", "double", "uint32", "uint64"),
        ),
        ELEMENTS,
        strict=True,
    )
)


class Example(NamedTuple):
    """Inputs, the outputs expected of them, and what onnxruntime itself makes of them."""

    feeds: dict[str, Any]
    expected: dict[str, Any]
    reference: dict[str, Any]


class Model(NamedTuple):
    """One model that the service has to serve."""

    title: str
    data: bytes
    types: dict[str, str]
    examples: list[Example]
    rtol: float
    atol: float


class Tally:
    """What became of every model tried."""

    def __init__(self) -> None:
        self.tried = 0
        self.served = 0
        self.left_out: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        self.beyond: list[str] = []

    def __str__(self) -> str:
        why = "\n".join(f"  {n:5} {reason}" for reason, n in self.left_out.most_common())
        said = [
            f"{self.tried} models tried",
            f"{self.served} served, and equal to what onnx expects",
            f"{sum(self.left_out.values())} left out:\n{why}",
        ]
        if self.beyond:
            said.append("onnxruntime itself answers otherwise: " + ", ".join(sorted(self.beyond)))
        if self.wrong:
            said.append("wrong:\n  " + "\n  ".join(self.wrong))
        return "\n".join(said)


@pytest.mark.long
@pytest.mark.timeout(3600 if REAL_ADMISSION else 600)
def test_every_model_that_the_protocol_can_carry_is_served_and_answers_as_onnx_expects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # onnx computes its infinities so
        cases = [case for kind in KINDS for case in load_model_tests(kind=kind)]
    models = [model for case in cases if (model := _prepare(case, tally)) is not None]
    for number, start in enumerate(range(0, len(models), _AT_ONCE)):
        _serve(tmp_path / str(number), models[start : start + _AT_ONCE], tally)
    with capsys.disabled():
        sys.stdout.write(f"\n{tally}\n")
    assert tally.tried > 1500
    assert tally.served > 1200
    assert not tally.wrong, tally


def _prepare(case: TestCase, tally: Tally) -> Model | None:
    """Load a model with onnxruntime alone; leave out what that or the protocol cannot carry."""
    tally.tried += 1
    data = (
        case.model.SerializeToString()
        if case.model is not None
        else (Path(case.model_dir or "") / "model.onnx").read_bytes()
    )
    options = ort.SessionOptions()
    options.log_severity_level = 4
    try:
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - onnxruntime raises a dozen kinds without a base
        return tally.left_out.update(["onnxruntime does not load it"])
    inputs = {i.name: _DATATYPES.get(_element(i.type)) for i in session.get_inputs()}
    if not all(inputs.values()):
        odd = sorted({i.type for i in session.get_inputs() if not _DATATYPES.get(_element(i.type))})
        return tally.left_out.update([f"the protocol has no datatype for its input {odd[0]}"])
    outputs = [o.name for o in session.get_outputs() if _element(o.type) in _DATATYPES]
    if not outputs:
        odd = [o.type for o in session.get_outputs()]
        return tally.left_out.update([f"the protocol has no datatype for its output {odd[0]}"])
    examples: list[Example] = []
    for given, expected in _data_sets(case):
        feeds = dict(zip(inputs, given, strict=False))
        try:
            reference = dict(zip(outputs, session.run(outputs, feeds), strict=True))
        except Exception:  # noqa: BLE001 - likewise
            return tally.left_out.update(["onnxruntime does not run it"])
        named = dict(zip([o.name for o in session.get_outputs()], expected, strict=False))
        examples.append(Example(feeds, {n: named[n] for n in outputs}, reference))
    types = {name: datatype for name, datatype in inputs.items() if datatype}
    return Model(f"{case.kind}/{case.name}", data, types, examples, case.rtol, case.atol)


def _serve(root: Path, models: Sequence[Model], tally: Tally) -> None:
    service = Service(root, settle_ms=0)
    reports = ReportCache(root / "state" / "reports")
    for number, model in enumerate(models):
        service.put(f"onnx-{number}.onnx", model.data)
        if not REAL_ADMISSION:
            reports.put(examine_here(model.data))
    try:
        service.start(within=1800 if REAL_ADMISSION else 120)
        address = service.client.base_url.netloc.decode()
        with triton.InferenceServerClient(address) as client:
            for number, model in enumerate(models):
                _ask(client, f"onnx-{number}", model, tally)
    finally:
        service.stop()


def _ask(client: triton.InferenceServerClient, name: str, model: Model, tally: Tally) -> None:
    for example in model.examples:
        try:
            result = client.infer(
                name, [_input(n, model.types[n], v) for n, v in example.feeds.items()]
            )
        except InferenceServerException as error:
            tally.wrong.append(f"{model.title}: {error.message()}")
            return
        answered = {n: _decoded(result.as_numpy(n)) for n in example.reference}
        served = [answered[n] for n in example.expected]
        try:
            Runner.assert_similar_outputs(
                list(example.expected.values()), served, model.rtol, model.atol
            )
        except AssertionError as error:
            if _is_same(example, answered) or _is_random(model):
                tally.beyond.append(model.title)
                tally.left_out.update(["onnxruntime itself does not answer as onnx expects"])
            else:
                tally.wrong.append(f"{model.title}: {' '.join(str(error).split())[:300]}")
            return
    tally.served += 1


def _is_same(example: Example, answered: dict[str, Any]) -> bool:
    """Tell whether the service gave onnxruntime's own answer, bit for bit."""
    return all(
        answered[n].shape == value.shape and answered[n].tobytes() == value.tobytes()
        if value.dtype != np.object_
        else answered[n].tolist() == value.tolist()
        for n, value in example.reference.items()
    )


def _is_random(model: Model) -> bool:
    """Tell whether onnxruntime would not even agree with itself."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    example = model.examples[0]
    runs = []
    for _ in range(2):
        session = ort.InferenceSession(model.data, options, providers=["CPUExecutionProvider"])
        runs.append(session.run(list(example.reference), example.feeds))
    return any(a.tobytes() != b.tobytes() for a, b in zip(*runs, strict=True))


def _input(name: str, datatype: str, value: Any) -> triton.InferInput:
    array = np.asarray(value)
    # The client cannot spell a string without dimensions otherwise.
    reshaped = array.reshape(1) if array.ndim == 0 and datatype == "BYTES" else array
    tensor = triton.InferInput(name, list(reshaped.shape), datatype)
    tensor.set_data_from_numpy(reshaped, binary_data=True)
    tensor.set_shape(list(array.shape))
    return tensor


def _decoded(array: Any) -> Any:
    if array.dtype != np.object_:
        return array
    flat = [cell.decode() if isinstance(cell, bytes) else cell for cell in array.reshape(-1)]
    return np.array(flat, dtype=object).reshape(array.shape)


def _data_sets(case: TestCase) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    if case.data_sets is not None:
        for given, expected in case.data_sets:
            yield [np.asarray(v) for v in given], [np.asarray(v) for v in expected]
        return
    for folder in sorted(Path(case.model_dir or "").glob("test_data_set_*")):
        yield _read(folder, "input"), _read(folder, "output")


def _read(folder: Path, kind: str) -> list[Any]:
    values: list[Any] = []
    for number in itertools.count():
        path = folder / f"{kind}_{number}.pb"
        if not path.exists():
            return values
        values.append(numpy_helper.to_array(onnx.load_tensor(path)))
    return values


def _element(onnx_type: str) -> str:
    return onnx_type.removeprefix("tensor(").removesuffix(")")
