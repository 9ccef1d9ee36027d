"""What the pages about other servers' clients show is run as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from support.service.process import Service

PAGES = ROOT / "docs" / "how-to"
V1, MLFLOW = "kserve-v1-and-tensorflow-clients.md", "mlflow-clients.md"


def blocks(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[str]:
    found = re.split(r"^\$ ", "".join(blocks(page, "console")), flags=re.MULTILINE)[1:]
    return [command.strip().replace("\n", " ") for command in found]


COMMANDS = [(page, command) for page in (V1, MLFLOW) for command in commands(page)]


def run(command: list[str | Path], served: Service) -> str:
    address = served.client.base_url.netloc.decode()
    host, _, port = address.partition(":")
    here = [
        str(part)
        .replace("127.0.0.1:8000", address)
        .replace('"127.0.0.1", 8000', f'"{host}", {port}')
        for part in command
    ]
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        here,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=kept | {"no_proxy": "*"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_answer(served: Service, page: str, command: str) -> None:
    served.client.post("/select-model/?model=penguins").raise_for_status()
    answer = json.loads(run(["bash", "-c", command], served))
    assert "error" not in answer, page
    assert "error_code" not in answer
    if ":predict" in command or "invocations" in command:
        assert len(answer["predictions"]) == 1


def test_program_of_mlflow_answers(served: Service) -> None:
    served.client.post("/select-model/?model=penguins").raise_for_status()
    (program,) = blocks(MLFLOW, "python")
    assert re.search("Adelie|Chinstrap|Gentoo", run([sys.executable, "-c", program], served))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_program_of_kserve_answers(served: Service, kserve_python: Path) -> None:
    (program,) = blocks(V1, "python")
    assert re.search("Adelie|Chinstrap|Gentoo", run([kserve_python, "-c", program], served))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_client_of_kserve_explains_and_reports_what_is_wrong(
    served: Service, kserve_python: Path
) -> None:
    """KServe's client reads the states and the errors that it expects."""
    served.put("bad/1/model.onnx", b"text")
    served.wait_for("bad", state="quarantined")
    program = """
import asyncio, json
from kserve import InferenceRESTClient, RESTConfig

async def main():
    client, url = InferenceRESTClient(RESTConfig(protocol="v1", retries=0)), "http://127.0.0.1:8000"
    found = {"ready": await client.is_model_ready(url, "penguins")}
    found["bad"] = await client.is_model_ready(url, "bad")
    rows = {"instances": [[39.1, 18.7, 181.0, 3750.0]]}
    found["explained"] = await client.explain(url, "penguins", rows)
    for name, document in (("missing", rows), ("penguins", {"instances": [[1]]})):
        try:
            await client.infer(url, document, model_name=name)
        except Exception as error:
            found["error " + name] = str(error)
    print(json.dumps(found))

asyncio.run(main())
"""
    found = json.loads(run([kserve_python, "-c", program], served).splitlines()[-1])
    assert (found["ready"], found["bad"]) == (True, False)
    assert "contributions" in found["explained"]["explanations"][0]
    assert "there is no model 'missing'" in found["error missing"]
    assert "the row has 1 values" in found["error penguins"]
