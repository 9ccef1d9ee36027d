from __future__ import annotations

import io
import re
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from exporter.display import progress
from exporter.display.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _run(*, shown: bool | None) -> None:
    with Progress("penguins", shown=shown) as steps:
        steps.begin("converting", "333 rows")
        steps.note("float64")
        steps.done("penguins version 1 is published")


@pytest.mark.parametrize("shown", [None, True])
def test_is_silent_where_nobody_looks(
    capsys: pytest.CaptureFixture[str], *, shown: bool | None
) -> None:
    """A pipe gets nothing."""
    _run(shown=shown)
    assert capsys.readouterr() == ("", "")


def test_shows_steps_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line stays, on the error stream."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    _run(shown=None)
    assert "penguins version 1 is published" in terminal.getvalue()


def test_is_silent_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """progress=False holds in a terminal, too."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _run(shown=False)
    assert terminal.getvalue() == ""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Jupyter kernel that keeps what is displayed."""
    displayed: list[str] = []
    shell = type("ZMQInteractiveShell", (), {})()
    module: Any = ModuleType("IPython")
    module.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", module)
    handle = SimpleNamespace(update=lambda html: displayed.append(html._repr_html_()))
    monkeypatch.setattr(progress, "_display", lambda line: displayed.append(line) or handle)
    return displayed


def test_updates_one_display_in_a_notebook(notebook: list[str]) -> None:
    """Each step replaces the one before, and one quiet line stays."""
    _run(shown=None)
    assert "converting (333 rows)" in notebook[1]
    assert "converting (float64)" in notebook[2]
    assert "penguins version 1 is published, in" in notebook[-1]


def seconds(pattern: str, line: str) -> int:
    """Find how many seconds a line shows."""
    found = re.search(pattern, line)
    assert found, line
    return int(found[1])


def test_moves_during_a_long_step_in_a_notebook(
    notebook: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seconds count on by themselves, and stop with the last line."""
    monkeypatch.setattr(progress, "_TICK_SECONDS", 0.001)
    moved = threading.Event()
    handle = SimpleNamespace(update=lambda html: notebook.append(html._repr_html_()) or moved.set())
    monkeypatch.setattr(progress, "_display", lambda _: handle)
    with Progress("penguins") as steps:
        steps._begin -= 75
        steps.begin("converting", "333 rows")
        moved.clear()
        assert moved.wait(10)
        steps.done("penguins version 1 is published")
        assert seconds(r"converting \(333 rows\), (\d+) s", notebook[-2]) >= 75
        steps._show("too late")
    assert seconds(r"penguins version 1 is published, in (\d+)\.", notebook[-1]) >= 75


def test_counts_seconds_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spinner's line tells how long it has taken."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_TICK_SECONDS", 0.001)
    shown, moved = list[str](), threading.Event()
    with Progress("penguins") as steps:
        monkeypatch.setattr(steps._status, "update", lambda text: shown.append(text) or moved.set())
        steps._begin -= 75
        steps.begin("converting")
        moved.clear()
        assert moved.wait(10)
        steps.done("done")
    assert seconds(r"^publishing penguins: converting, (\d+) s", shown[-1]) >= 75


def test_names_the_step_that_failed(notebook: list[str]) -> None:
    """A traceback is long; the line says where it happened."""

    def fail() -> None:
        with Progress("penguins") as steps:
            steps.begin("admission")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "failed at: admission" in notebook[-1]
