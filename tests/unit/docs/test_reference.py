"""The reference says what the code does."""

from __future__ import annotations

import json
import re
import runpy

import pytest

from support.project import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGES = [
    *("settings.md", "contract.md", "errors.md", "estimators.md", "metrics.md", "openapi.json"),
    "../../notebooks/src/exporter/estimators.txt",
]


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    """Give the pages as the code of today makes them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(REFERENCE)
        pages: dict[str, str] = runpy.run_path(str(REFERENCE / "generate.py"))["render"]()
    return pages


@pytest.mark.parametrize("page", PAGES)
def test_page_has_not_fallen_behind_the_code(page: str, rendered: dict[str, str]) -> None:
    """What is committed is what would be written now."""
    assert (REFERENCE / page).read_text() == rendered[page], (
        "run `.venv/bin/python docs/reference/generate.py` and commit what it writes"
    )


def test_every_page_is_tested(rendered: dict[str, str]) -> None:
    """No generated page is left out above."""
    assert sorted(rendered) == sorted(PAGES)


def test_every_route_of_our_own_is_listed() -> None:
    page = (REFERENCE / "http.md").read_text()
    paths = json.loads((REFERENCE / "openapi.json").read_text())["paths"]
    ours = [path.rstrip("/") for path in paths if not re.match(r"/v[12]\b", path)]
    short = "/models/{name}/versions"  # written as .../versions
    assert [p for p in ours if p.replace(short, "/versions") not in page and p not in page] == []
    assert len(ours) > 20


def test_every_variable_of_the_exporter_is_listed(rendered: dict[str, str]) -> None:
    sources = (ROOT / "notebooks" / "src").rglob("*.py")
    read = {name for path in sources for name in re.findall(r"EXPORTER_[A-Z_]+", path.read_text())}

    assert read == set(re.findall(r"^\| `(EXPORTER_\w+)`", rendered["settings.md"], re.MULTILINE))
