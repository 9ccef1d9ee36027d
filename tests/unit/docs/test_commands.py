"""Every command that the pages show is one that the programs take."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from exporter.cli import make_parser as make_exporter_parser
from inference.cli.parser import make_parser
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = [ROOT / "README.md", ROOT / "README.es.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS = {"inference": make_parser(), "exporter": make_exporter_parser()}


def commands(text: str) -> Iterator[list[str]]:
    """Give the words of each of our commands in the console blocks of a page."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in re.findall(r"^\$ (.*)", block.replace("\\\n", ""), re.MULTILINE):
            if line.startswith("alias ") or not re.search(r"(^|\s)(inference|exporter) ", line):
                continue
            words = shlex.split(line, comments=True)
            for program in PARSERS:
                if program in words:
                    ours = words[len(words) - words[::-1].index(program) - 1 :]
                    yield list(_without_redirections(ours))


def _without_redirections(words: list[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in {"<", ">", ">>"}:
            next(rest)
        else:
            yield word


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_are_taken(page: Path) -> None:
    for program, *arguments in commands(page.read_text()):
        PARSERS[program].parse_args(arguments)  # exits where it is wrong


def test_commands_are_found() -> None:
    found = [words for page in PAGES for words in commands(page.read_text())]
    assert ["inference", "key", "shop"] in found
    assert any(words[:2] == ["exporter", "publish"] for words in found)
    assert len(found) > 10
