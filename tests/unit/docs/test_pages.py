"""The written pages hold together, and follow the order that the code keeps."""

from __future__ import annotations

import configparser
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_of_a_page_are_there(page: Path) -> None:
    """Every relative link leads to a file or folder."""
    # A table's or an example's text may look like a link in code; code is no link.
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)

    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]

    assert missing == []


def test_architecture_names_the_rooms_in_the_order_of_their_layers() -> None:
    """The page and the import rules have the same order."""
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    layers = re.findall(r"\w+", rules["importlinter:contract:layers"]["layers"])

    rooms = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)

    assert re.findall(r"\w+", " ".join(rooms)) == layers


def test_files_in_the_table_where_to_find_exist() -> None:
    """A newcomer finds each file that the last table names."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page.split("## Where to find")[1]
    paths = re.findall(r"`([a-z_0-9/]+/[a-z_0-9]*(?:\.py)?)`", table)

    roots = [ROOT, ROOT / "inference/src/inference"]
    missing = [path for path in paths if not any((root / path).exists() for root in roots)]

    assert len(paths) > 10
    assert missing == []


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_picture_in_readme_has_the_rooms_in_the_same_order(readme: str) -> None:
    """What a newcomer sees first is the order that the code keeps."""
    picture = (ROOT / readme).read_text().split("```mermaid")[1].split("```")[0]

    assert re.findall(r"<b>(\w+)</b>", picture) == ["web", "serving", "repository", "model"]


def test_every_decision_is_listed_with_its_title() -> None:
    """The list of decisions is complete."""
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()

    for record in sorted(folder.glob("[0-9]*.md")):
        number, title = record.read_text().split("\n", 1)[0].removeprefix("# ").split(": ", 1)
        assert record.name.startswith(number) or number == "NNNN"
        assert record.name in listed
        assert title in listed or number == "NNNN"


def test_pictures_are_small_enough_to_load_at_once() -> None:
    """No picture takes 300 KB."""
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))

    assert pictures
    assert {p.name: p.stat().st_size for p in pictures if p.stat().st_size >= 300_000} == {}


def test_packages_and_changelog_have_the_same_version() -> None:
    projects = [ROOT / package / "pyproject.toml" for package in ("inference", "notebooks")]
    versions = {tomllib.loads(path.read_text())["project"]["version"] for path in projects}

    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert sections[0] == "Unreleased"
    assert versions == {sections[1].split(" (")[0]}
