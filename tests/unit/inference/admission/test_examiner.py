"""What the examination's child can still do once it looks into a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference.admission.admission import examine
from support.models.artifacts import STRING, graph, model, node, penguins, value
from support.project import FIXTURES

C_UTF8 = Path("/usr/lib/locale/C.utf8")
TRY = """
import os, socket, sys
from pathlib import Path
from inference.admission import examiner, sandbox
def attempt(what, call):
    try:
        call()
        print(what)
    except OSError:
        pass
def look():
    sandbox.give_up_files()
    attempt("reads", lambda: open("/etc/passwd").read())
    attempt("writes", lambda: open(sys.argv[1] + ".stolen", "w"))
    attempt("connects", lambda: socket.create_connection(("127.0.0.1", 9)))
    attempt("opens a socket", socket.socket)
    os.close(0)
    attempt("reads in place of what was open", lambda: os.open("/etc/passwd", os.O_RDONLY))
sandbox.limit_resources(4 * 1024**3, 30)
report = examiner.examine_here(Path(sys.argv[1]).read_bytes(), look)
print("admitted" if report.admitted else report.reason)
"""
LEAVE = """
import ctypes, socket
from inference.admission.sandbox import leave_network
if leave_network():
    names = [name for _, name in socket.if_nameindex()]
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=5)
    except OSError as error:
        print(names, error.errno)
else:
    print("not permitted")
"""


def _run(program: str, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_nothing_can_be_opened_while_a_file_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(penguins())
    assert _run(TRY, str(tmp_path / "m.onnx")) == ["admitted"]
    assert list(tmp_path.iterdir()) == [tmp_path / "m.onnx"]


def test_the_network_is_left_where_that_is_permitted() -> None:
    """Nothing but a loopback that is down (ENETUNREACH)."""
    assert _run(LEAVE) in (["['lo'] 101"], ["not permitted"])


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.onnx")), ids=lambda path: path.stem)
def test_what_converters_write_needs_nothing_more(path: Path) -> None:
    report = examine(path)
    assert report.admitted, report.reason
    assert report.cost_us


SHORT = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3 * 1024**3, 3 * 1024**3))
from inference.admission import examiner, sandbox
sandbox.limit_resources(4 * 1024**3, 30)
print(resource.getrlimit(resource.RLIMIT_AS)[0] // 1024**3)
print(open("/proc/self/oom_score_adj").read())
"""


def test_it_takes_no_more_than_it_may_and_is_the_first_to_be_ended() -> None:
    """A hard limit below the setting quarantines nothing by itself."""
    assert _run(SHORT)[:2] == ["3", "1000"]


EXAMINE = """
import sys
from pathlib import Path
from inference.admission import examiner, sandbox
sandbox.limit_resources(4 * 1024**3, 30)
data = Path(sys.argv[1]).read_bytes()
report = examiner.examine_here(data, sandbox.give_up_files)
print("admitted" if report.admitted else report.reason)
"""


def _lower(locale: str | None) -> bytes:
    """Make a model that writes text in small letters, as a locale has them."""
    more = {} if locale is None else {"locale": locale}
    onnx_graph = node("StringNormalizer", ["X"], ["Y"], case_change_action="LOWER", **more)
    return model(graph([onnx_graph], [value("X", STRING, "n")], [value("Y", STRING, "n")]))


def test_missing_locale_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(_lower("xx_XX.UTF-8"))
    [said] = _run(EXAMINE, str(tmp_path / "m.onnx"))
    assert said.startswith("its texts need the locale 'xx_XX.UTF-8', which this machine does not")
    assert "install it" in said


@pytest.mark.skipif(not C_UTF8.exists(), reason="there is no C.utf8 to stand for another locale")
@pytest.mark.parametrize("locale", [None, "en_US", "en_US.UTF-8", "de_DE.UTF-8"])
def test_installed_locale_is_found_although_no_file_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str | None
) -> None:
    """As in the image, where en_US is a link to C.utf8."""
    folder = tmp_path / "locales"
    folder.mkdir()
    for name in ("C.utf8", "en_US.utf8", "en_US", "de_DE.utf8"):
        (folder / name).symlink_to(C_UTF8)
    monkeypatch.setenv("LOCPATH", str(folder))
    (tmp_path / "m.onnx").write_bytes(_lower(locale))
    assert _run(EXAMINE, str(tmp_path / "m.onnx")) == ["admitted"]
