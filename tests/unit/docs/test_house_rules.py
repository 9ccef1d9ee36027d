"""The limits on size that CONTRIBUTING.md states, over all of the project's own Python code."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LINES_OF_A_MODULE = 300
MODULES_OF_A_FOLDER = 13  # without __init__.py
LINES_OF_A_FUNCTION = 50  # from `def` to the last line, docstring included
SOURCES = ("inference/src", "notebooks/src", "tests", "tools", "docs")

# To be shortened. Do not add to it.
EXCEPTIONS: frozenset[str] = frozenset(
    {
        "inference/src/inference/app.py:create_app",
        "inference/src/inference/web/api/models.py:models_router",
        "notebooks/src/exporter/publish.py:publish",
        "tests/acceptance/publish/test_zoo.py",
        "tests/unit/exporter/conversion/test_composition.py",
    }
)


def modules() -> list[Path]:
    """Return every Python file except the generated gRPC messages."""
    return [
        path
        for source in SOURCES
        for path in sorted((ROOT / source).rglob("*.py"))
        if not path.name.endswith("_pb2.py") and "node_modules" not in path.parts
    ]


def excess(sizes: Iterable[tuple[str, int]], limit: int) -> dict[str, int]:
    """Return what exceeds the limit without being an exception."""
    return {one: size for one, size in sizes if size > limit and one not in EXCEPTIONS}


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
    lines = [(name(path), len(path.read_text().splitlines())) for path in modules()]
    assert not excess(lines, LINES_OF_A_MODULE)


def test_no_folder_has_more_than_13_modules() -> None:
    counts = Counter(name(path.parent) for path in modules() if path.name != "__init__.py")
    assert not excess(counts.items(), MODULES_OF_A_FOLDER)


def test_no_function_is_longer_than_50_lines() -> None:
    assert not excess((one for path in modules() for one in functions(path)), LINES_OF_A_FUNCTION)
