from __future__ import annotations

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from inference.access.api_key import read_lines
from inference.cli import main
from inference.settings import Settings
from support.models.artifacts import classifier_graph, model, penguins
from support.service.process import environment

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
    output = capsys.readouterr().out
    assert "m.onnx: admitted" in output
    for part in ("sha256", "contract  yes", "samples   3 replayed", "loaded", "128 rows"):
        assert part in output


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
    versions = [{"version": n, "state": "ready"} for n in (1, 2)]
    versions.append({"version": 3, "state": "quarantined"})
    good = {"name": "good", "state": "ready", "active_version": 2, "task": "classification",
            "reason": None, "selected": True, "pinned_version": 2, "versions": versions,
            "metrics": {"rows": 9, "accuracy": 0.98765, "log_loss": 1, "confusion_matrix": [[1]]},
            "quarantined": [{"version": 3, "reason": "truncated"}]}  # fmt: skip
    many = [{"version": n, "state": "unloaded"} for n in range(1, 10)]
    bad = {"name": "bad", "state": "quarantined", "active_version": None, "task": None,
           "pinned_version": 7, "versions": many, "metrics": None,
           "reason": "version 1:\x1b[31m it is empty", "selected": False,
           "quarantined": []}  # fmt: skip
    ignored = [{"path": "x.txt", "reason": "not an .onnx file"}]
    document = {"models": [good, bad], "ignored": ignored, "selected": None}
    answer(json.dumps(document).encode())
    assert main(["models"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "MODEL STATE ACTIVE VERSIONS TASK METRICS REASON",
        (
            "* good ready 2 (pinned) 1, 2, 3 quarantined classification accuracy 98.8% "
            "version 3: truncated"
        ),
        (
            "bad quarantined - (7 pinned) 3 more, 4 unloaded, 5 unloaded, 6 unloaded, 7 unloaded, "
            "8 unloaded, 9 unloaded - - version 1:\\x1b[31m it is empty"
        ),
        "ignored: x.txt: not an .onnx file",
    ]
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize("content", [b"{}", b"[]", b"no json", b'{"models": [{}]}'])
def test_models_of_another_service_are_refused(
    answer: Callable[[bytes], None], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(content)
    assert main(["models"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("inference: ")


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


def test_a_key_goes_to_the_terminal_and_its_entry_to_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["key", "shop", "--scope", "predict,admin"]) == 0
    output = capsys.readouterr()
    [entry] = output.out.splitlines()
    key = output.err.splitlines()[-1]
    assert key.startswith("rk_")
    assert key not in output.out
    callers = read_lines(output.out)
    assert [(c.name, c.scopes) for c in callers.values()] == [("shop", {"predict", "admin"})]
    assert entry.endswith(hashlib.sha256(key.encode()).hexdigest())


def test_a_key_is_given_to_programs_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "shop", "--json"]) == 0
    output = capsys.readouterr()
    made = json.loads(output.out)
    assert set(made) == {"name", "key", "entry"}
    assert output.err == ""


@pytest.mark.parametrize("arguments", [["a b"], ["shop", "--scope", "root"], ["#"]])
def test_a_wrong_name_or_scope_makes_no_key(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("inference: ")


def test_help_of_serve_names_the_page_and_ten_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    output = capsys.readouterr().out
    assert "docs/reference/settings.md" in output
    named = re.findall(r"^  (INFERENCE_\w+) \(default: ", output, re.MULTILINE)
    assert len(named) == len(set(named)) == 10
    assert {name.removeprefix("INFERENCE_").lower() for name in named} <= set(Settings.fields)


def test_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("inference ")


def test_the_name_of_an_examined_file_is_printed_whatever_it_is(tmp_path: Path) -> None:
    name = b"m\xff\x1b[31m.onnx"
    (tmp_path / os.fsdecode(name)).write_bytes(b"")
    checked = subprocess.run(
        [sys.executable, "-m", "inference.cli", "check", name],
        env=environment() | {"PYTHONIOENCODING": "utf-8:strict"},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert checked.stdout.startswith(b"m\\udcff\\x1b[31m.onnx: refused: ")
    assert (checked.returncode, checked.stderr) == (1, b"")


@pytest.mark.parametrize("arguments", ["key shop", "check absent.onnx"])
def test_an_output_that_is_closed_is_named(arguments: str, tmp_path: Path) -> None:
    closed = subprocess.run(
        ["sh", "-c", f'"$0" -m inference.cli {arguments} >&-', sys.executable],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert closed.returncode == 1
    assert closed.stderr.endswith("inference: the output cannot be written: Bad file descriptor\n")
    assert "Traceback" not in closed.stderr
