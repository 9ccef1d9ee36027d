from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from artefacts import classifier_graph, model, penguins
from inference.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Run a server at the configured address that answers everything with the same bytes."""
    content: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/models"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content[-1])

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("INFERENCE_PORT", str(server.server_port))
        yield content.append
        server.shutdown()
        thread.join()


def test_check_reports_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(penguins())
    assert main(["check", str(tmp_path / "m.onnx")]) == 0
    told = capsys.readouterr().out
    assert "m.onnx: admitted" in told
    for part in ("sha256", "contract  yes", "samples   3 replayed", "loaded", "128 rows"):
        assert part in told


def test_check_warns_of_a_file_without_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.onnx").write_bytes(model(classifier_graph([0, 1])))
    assert main(["check", str(tmp_path / "m.onnx")]) == 0
    assert "warning   the file has no contract" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["bad.onnx", "missing.onnx", "."])
def test_check_refuses_with_a_reason(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"text")
    assert main(["check", str(tmp_path / place)]) == 1
    assert ": refused: the file " in capsys.readouterr().out


@pytest.mark.parametrize(("content", "status"), [(penguins(), 0), (b"text", 1)])
def test_check_reports_as_json(
    tmp_path: Path, content: bytes, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    assert main(["check", "--json", str(tmp_path / "m.onnx")]) == status
    report = json.loads(capsys.readouterr().out)
    assert report["admitted"] is (status == 0)
    assert report["size_bytes"] == len(content)
    assert bool(report.get("reason")) is (status == 1)


def test_models_are_listed_with_what_is_wrong(
    answer: Callable[[bytes], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    good = {"name": "good", "state": "ready", "active_version": 2, "task": "classification",
            "reason": None, "selected": True,
            "quarantined": [{"version": 3, "reason": "truncated"}]}  # fmt: skip
    bad = {"name": "bad", "state": "quarantined", "active_version": None, "task": None,
           "reason": "version 1: it is empty", "selected": False, "quarantined": []}  # fmt: skip
    ignored = [{"path": "x.txt", "reason": "not an .onnx file"}]
    document = {"models": [good, bad], "ignored": ignored, "selected": None}
    answer(json.dumps(document).encode())
    assert main(["models"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "MODEL STATE ACTIVE TASK REASON",
        "* good ready 2 classification version 3: truncated",
        "bad quarantined - - version 1: it is empty",
        "ignored: x.txt: not an .onnx file",
    ]
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no json", b'{"models": [{}]}'])
def test_models_of_another_service_are_told_apart(
    answer: Callable[[bytes], None], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(content)
    assert main(["models"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("inference: ")


def test_models_says_what_to_do_when_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFERENCE_PORT", "1")
    assert main(["models"]) == 1
    assert "start it with 'inference serve'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["check"], ["serve", "--port", "1"]])
def test_wrong_use_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: inference" in capsys.readouterr().err


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("inference ")
