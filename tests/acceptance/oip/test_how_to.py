"""What the how-to page shows is run as it stands, against a service of the tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.models.oip_models import fill
from support.project import ROOT
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

PAGE = ROOT / "docs" / "how-to" / "open-inference-protocol.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
PROGRAMS = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    command.replace("\n", " ")
    for language, text in BLOCKS
    if language == "console"
    for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    if command.startswith("curl")
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = fill(Service(tmp_path_factory.mktemp("how-to"), grpc_port=0))
    try:
        yield service.start(within=120)
    finally:
        service.stop()


def here(text: str, service: Service) -> str:
    """Put the service's addresses in place of the page's."""
    found = eventually(lambda: re.search(r"gRPC running on (\S+)", service.log), what="gRPC")
    http = service.client.base_url.netloc.decode()
    return text.replace("127.0.0.1:8000", http).replace("127.0.0.1:8001", found[1])


def test_the_page_shows_all_ways_to_ask() -> None:
    assert len(PROGRAMS) == 3
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_answer(served: Service, command: str) -> None:
    run = subprocess.run(
        ["bash", "-c", here(command, served)],
        capture_output=True,
        timeout=60,
        check=True,
        env=os.environ | {"no_proxy": "*"},
    )
    assert "error" not in json.loads(run.stdout)


@pytest.mark.parametrize("program", PROGRAMS, ids=["http", "grpc", "kserve"])
def test_programs_answer(served: Service, program: str, request: pytest.FixtureRequest) -> None:
    python = sys.executable
    if "kserve" in program:
        python = request.getfixturevalue("kserve_python")
    run = subprocess.run(
        [python, "-c", here(program, served)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert run.returncode == 0, run.stderr
    assert re.search("Adelie|Chinstrap|Gentoo", run.stdout)
