"""Environments of peers whose packages are not those of this project, made once by uv."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmark.server import PEERS
from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER = ROOT / ".tools" / "benchmark"
_UV = ROOT / ".tools" / "bin" / "uv"


def mlserver() -> Path:
    """Return the program of MLServer, in an environment of its own."""
    environment = _FOLDER / "mlserver"
    python = environment / "bin" / "python"
    if not _is_made(environment, "mlserver.txt"):
        _run("venv", "--clear", "--python", sys.executable, str(environment))
        _run("pip", "sync", "--compile-bytecode", "--python", str(python), _pins("mlserver.txt"))
        _note(environment, "mlserver.txt")
    return environment / "bin" / "mlserver"


def onnxmltools() -> Path:
    """Return a folder with onnxmltools, for ``PYTHONPATH``; the libraries are this project's."""
    folder = _FOLDER / "onnxmltools"
    if not _is_made(folder, "onnxmltools.txt"):
        _run("pip", "install", "--no-deps", "--target", str(folder), "-r", _pins("onnxmltools.txt"))
        _note(folder, "onnxmltools.txt")
    return folder


def mlserver_version() -> str:
    """Return the version of MLServer that is measured."""
    lines = (PEERS / "mlserver.txt").read_text().splitlines()
    return next(line for line in lines if line.startswith("mlserver==")).partition("==")[2]


def _pins(name: str) -> str:
    return str(PEERS / name)


def _is_made(folder: Path, pins: str) -> bool:
    made = folder / pins
    return made.exists() and made.read_text() == (PEERS / pins).read_text()


def _note(folder: Path, pins: str) -> None:
    (folder / pins).write_text((PEERS / pins).read_text())


def _run(*command: str) -> None:
    subprocess.run([str(_UV), "--quiet", *command], check=True)
