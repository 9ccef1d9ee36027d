"""Real Chromium, and a real service for it to look at."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from support.project import ROOT
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Request

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Chromium itself asks for updates and the like; what a page asks for is left as it is.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: apt-get install chromium, or set CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api", reason="make test-browser installs it")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start a service with an empty models folder; each test publishes under names of its own."""
    running = Service(tmp_path_factory.mktemp("service")).start()
    yield running
    running.stop()


@pytest.fixture
def requests() -> list[Request]:
    """Give the list of everything that the page asks for."""
    return []


@pytest.fixture
def page(chromium: Browser, requests: list[Request]) -> Iterator[Page]:
    """Open an empty page of a person who has never been here."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(40_000)
    opened = context.new_page()
    opened.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - needs a function
    yield opened
    context.close()
    hosts = {urlsplit(request.url).hostname for request in requests} - {None}
    assert hosts <= {"127.0.0.1"}, "a request would have left the machine"


@pytest.fixture
def swagger(page: Page, service: Service) -> Swagger:
    """Give the service's page, not yet opened."""
    return Swagger(page, str(service.client.base_url))


@pytest.fixture(scope="session")
def axe_source() -> str:
    """Install the axe-core that package-lock.json pins, and give its source."""
    assert shutil.which("npm"), "npm is not there: Debian's packages nodejs and npm have it"
    home = ROOT / ".tools" / "browser"
    home.mkdir(parents=True, exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    with (home / "lock").open("w") as lock:  # processes that test beside each other share it
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(Path(__file__).parent / name, home)
        subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=300)
        return (home / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def assert_accessible(page: Page, axe_source: str) -> Callable[[], None]:
    """Fail if axe-core finds anything on the page as it is."""

    def check() -> None:
        page.evaluate(axe_source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        wrong = [
            (one["id"], one["help"], node["html"][:200], node.get("failureSummary"))
            for one in found
            for node in one["nodes"][:3]
        ]
        assert wrong == []

    return check
