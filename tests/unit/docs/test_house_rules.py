"""The limits that CONTRIBUTING.md states for all of the project's own Python code."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LINES_OF_A_MODULE = 300
MODULES_OF_A_FOLDER = 13  # without __init__.py
LINES_OF_A_FUNCTION = 50  # from `def` to the last line, docstring included
SOURCES = ("inference/src", "notebooks/src", "tests", "tools", "docs")


def modules() -> list[Path]:
    """Return every Python file except the generated gRPC messages."""
    return [
        path
        for source in SOURCES
        for path in sorted((ROOT / source).rglob("*.py"))
        if not path.name.endswith("_pb2.py") and "node_modules" not in path.parts
    ]


def excess(sizes: Iterable[tuple[str, int]], limit: int) -> set[str]:
    """Return what exceeds the limit."""
    return {one for one, size in sizes if size > limit}


def long_modules() -> set[str]:
    lines = [(name(path), len(path.read_text().splitlines())) for path in modules()]
    return excess(lines, LINES_OF_A_MODULE)


def large_folders() -> set[str]:
    counts = Counter(name(path.parent) for path in modules() if path.name != "__init__.py")
    return excess(counts.items(), MODULES_OF_A_FOLDER)


def long_functions() -> set[str]:
    return excess((one for path in modules() for one in functions(path)), LINES_OF_A_FUNCTION)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Return each function of a module as ``module:function`` with its number of lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{name(path)}:{node.name}", node.end_lineno - node.lineno + 1


def test_modules_and_functions_are_found() -> None:
    assert len(modules()) > 300
    assert len({one for path in modules() for one, _ in functions(path)}) > 3000


def test_no_module_is_longer_than_300_lines() -> None:
    assert not long_modules()


def test_no_folder_has_more_than_13_modules() -> None:
    assert not large_folders()


def test_no_function_is_longer_than_50_lines() -> None:
    assert not long_functions()


@pytest.mark.parametrize(
    ("package", "sources"),
    [("inference", "inference/src/inference"), ("exporter", "notebooks/src/exporter")],
)
def test_unit_tests_mirror_the_folders_of_the_sources(package: str, sources: str) -> None:
    tests = ROOT / "tests/unit" / package
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert folders
    assert {folder for folder in folders if not (ROOT / sources / folder).is_dir()} == set()
