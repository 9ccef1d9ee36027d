from __future__ import annotations

import re
from pathlib import Path

import inference.web.pages
from inference.web.pages.assets import Assets

STATIC = Path(inference.web.pages.__file__).parent / "static"
LARGEST_BYTES = 150_000
LINES = 300


def test_all_files_together_are_small() -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < LARGEST_BYTES


def test_no_module_is_longer_than_300_lines() -> None:
    assert [
        path.name for path in STATIC.iterdir() if len(path.read_text().splitlines()) > LINES
    ] == []


def test_modules_import_only_each_other() -> None:
    for path in STATIC.glob("*.js"):
        for imported in re.findall(r'from "([^"]+)"', path.read_text()):
            assert (STATIC / imported).is_file(), f"{path.name} imports {imported}"
            assert imported.startswith("./")


def test_nothing_names_another_host_or_makes_html_of_text() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # a name, no address
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|eval\(|document\.write", text)


def test_path_is_the_same_in_every_process() -> None:
    assert Assets().path == Assets().path
    assert re.fullmatch(r"/pages/[0-9a-f]{16}", Assets().path)
    assert set(Assets().names) == {path.name for path in STATIC.iterdir()}
