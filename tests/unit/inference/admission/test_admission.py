from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from inference.admission.admission import Limits, examine, examine_aside, explain, read_aside
from inference.admission.files.contents import read_contents
from support.models import artifacts, hostile_models
from support.project import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.report import Report

_GRAPH = artifacts.classifier_graph([0, 1])
_FIXTURES = sorted(FIXTURES.glob("*.onnx"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


def report_of(path: Path, content: bytes, limits: Limits | None = None) -> Report:
    path.write_bytes(content)
    return examine(path, limits or Limits())


def test_a_good_artifact_is_replayed_and_timed(path: Path) -> None:
    content = artifacts.penguins()
    report = report_of(path, content)
    assert report.admitted
    assert report.digest == hashlib.sha256(content).hexdigest()
    assert (report.size_bytes, report.samples) == (len(content), 3)
    assert report.has_contract
    assert 0 <= report.max_difference < 1e-5
    assert report.cost_us.keys() == {1, 8, 32, 128}
    assert report.warnings == []


def test_a_file_without_contract_is_admitted_with_a_warning(path: Path) -> None:
    graph = artifacts.classifier_graph(artifacts.SPECIES, zipmap=True)
    report = report_of(path, artifacts.model(graph))
    assert (report.admitted, report.has_contract) == (True, False)
    assert "no contract" in report.warnings[0]


@pytest.mark.parametrize("fixture", _FIXTURES, ids=lambda path: path.stem)
def test_what_scikit_learns_converter_writes_is_admitted(fixture: Path) -> None:
    report = examine(fixture)
    assert report.admitted, report.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, this is no model\n" * 9, "not an ONNX model"),
        (bytes(range(256)) * 20, "not an ONNX model"),
        (artifacts.penguins()[:-100], "truncated"),
        (artifacts.penguins(wrong=True), "golden sample 0 is answered"),
        (hostile_models.with_external_data(), "external data is refused"),
        (
            artifacts.model(artifacts.classifier_graph([0, 1]), {"rookery.contract": "{"}),
            "contract",
        ),
        (artifacts.model(artifacts.message((2, "g"))), "onnxruntime cannot load it"),
    ],
    ids=["empty", "text", "bytes", "truncated", "wrong", "external", "contract", "no nodes"],
)
def test_a_bad_artifact_is_refused_with_a_reason(path: Path, content: bytes, reason: str) -> None:
    report = report_of(path, content)
    assert not report.admitted
    assert reason in report.reason
    assert "\n" not in report.reason


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in examine(tmp_path / "missing.onnx").reason
    assert "cannot be read: Is a directory" in examine(tmp_path).reason


def test_an_artifact_that_never_ends_is_refused_in_time(path: Path) -> None:
    begin = time.monotonic()
    report = report_of(path, hostile_models.endless(), Limits(seconds=2))
    assert time.monotonic() - begin < 30
    assert not report.admitted
    assert "INFERENCE_ADMISSION_TIMEOUT_SECONDS" in report.reason
    assert report.was_cut_short


def test_an_artifact_that_eats_memory_is_refused(path: Path) -> None:
    """The processes that serve have no limit of their own, so it must not reach them."""
    report = report_of(path, hostile_models.greedy())
    assert not report.admitted
    assert "memory" in report.reason


def test_a_cancelled_examination_ends_its_child(path: Path) -> None:
    path.write_bytes(hostile_models.endless())

    async def cancel() -> float:
        contents = await read_aside(path)
        task = asyncio.create_task(examine_aside(contents, Limits(seconds=60)))
        await asyncio.sleep(0.3)
        begin = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - begin

    assert asyncio.run(cancel()) < 10


def test_an_examination_aside_is_bounded_in_time(path: Path) -> None:
    path.write_bytes(hostile_models.endless())
    with read_contents(path, 10_000) as contents:
        report = asyncio.run(examine_aside(contents, Limits(seconds=1)))
    assert "INFERENCE_ADMISSION_TIMEOUT_SECONDS" in report.reason
    assert report.was_cut_short


@pytest.mark.parametrize(
    ("status", "stderr", "reason"),
    [
        (-11, b"", "it crashes the runtime (SIGSEGV)"),
        (-6, b"abc\nterminate called\n", "it crashes the runtime (SIGABRT): terminate called"),
        (-6, b"terminate: std::bad_alloc", "it needs more than 4096 MiB of memory"),
        (1, b"Traceback\nMemoryError", "it needs more than 4096 MiB of memory"),
        (-24, b"", "its examination took over 30 seconds of processor time"),
        (1, b"Traceback\nValueError: x", "its examination failed: ValueError: x"),
        (3, b"", "its examination failed: exit 3"),
        (-11, b"\xff" * 1000, "it crashes the runtime (SIGSEGV): \ufffd"),
    ],
)
def test_a_child_that_dies_is_explained(status: int, stderr: bytes, reason: str) -> None:
    report = explain(status, b"", stderr, Limits())
    assert not report.admitted
    assert report.reason.startswith(reason)
    assert len(report.reason) < 400


_UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from inference.admission.admission import Limits, examine, explain
limit = 2 * 1024**3
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name in sys.argv[1:]:
    report = examine(Path(name))
    print(report.admitted, report.reason)
print(explain(1, b'', b'MemoryError', Limits()).reason)
"""


def test_a_limit_on_address_space_bounds_examinations_and_is_named(tmp_path: Path) -> None:
    """A hard ``ulimit -v`` below what an examination may take is no model's fault."""
    good, greedy = tmp_path / "good.onnx", tmp_path / "greedy.onnx"
    good.write_bytes(artifacts.penguins())
    greedy.write_bytes(hostile_models.greedy())
    done = subprocess.run(
        [sys.executable, "-c", _UNDER_A_LIMIT, str(good), str(greedy)],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, third = done.stdout.splitlines()
    assert first.strip() == "True"
    assert second.startswith("False")
    assert "memory" in second
    assert "maximum limit" not in second
    assert third == (
        "it needs more than 2048 MiB of memory: raise the limit on address space (ulimit -v)"
    )
