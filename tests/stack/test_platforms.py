"""The image as other platforms start it: another command, user, port, folder and routes."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stack.conftest import _require_engine, _run
from support.models.artifacts import penguins
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

IMAGE = "rookery-inference"
ROWS = {"instances": [[39.1, 18.7, 181.0, 3750.0]]}
OPEN = "INFERENCE_ALLOW_ANONYMOUS=true"


@pytest.fixture(scope="module")
def image() -> str:
    """Build the image of the service."""
    _require_engine()
    _run("docker", "build", "--tag", IMAGE, "-f", "images/inference/Dockerfile", ".", seconds=900)
    return IMAGE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Make a folder of one model."""
    folder = tmp_path / "model"
    folder.mkdir()
    folder.chmod(0o755)
    file = folder / "model.onnx"
    file.write_bytes(penguins())
    file.chmod(0o644)
    return folder


@pytest.fixture
def start(image: str, wait_for: Callable[..., Any]) -> Generator[Callable[..., httpx.Client]]:
    """Give a function that runs a container and waits for its port."""
    started: list[str] = []
    clients: list[httpx.Client] = []

    def run(
        *options: str, command: tuple[str, ...] = (), port: int = 8080, of: str = image
    ) -> httpx.Client:
        publish = f"--publish=127.0.0.1:0:{port}"
        container = _run("docker", "run", "--detach", publish, *options, of, *command).strip()
        started.append(container)
        address = _run("docker", "port", container, str(port)).split()[0]
        client = httpx.Client(base_url=f"http://{address}", timeout=10)
        clients.append(client)

        def answers() -> bool:
            state = _run("docker", "inspect", "--format", "{{ .State.Running }}", container)
            assert state.strip() == "true", _run("docker", "logs", container)
            try:
                return client.get("/ping").status_code == 200
            except httpx.TransportError:
                return False

        wait_for("the container answers", answers, 60)
        client.headers["x-container"] = container
        return client

    yield run
    for client in clients:
        client.close()
    for container in started:
        _run("docker", "rm", "--force", container, check=False)


def log(client: httpx.Client) -> str:
    return _run("docker", "logs", client.headers["x-container"])


def test_as_sagemaker_starts_it(start: Callable[..., httpx.Client], model: Path) -> None:
    """``docker run IMAGE serve`` as root, the model read-only, port 8080."""
    client = start(
        "--user=0",
        f"--volume={model}:/opt/ml/model:ro",
        "--env=SAGEMAKER_BIND_TO_PORT=8080",
        "--env=INFERENCE_MODELS_DIR=/opt/ml/model",
        "--env=INFERENCE_MODEL_NAME=penguins",
        f"--env={OPEN}",
        command=("serve",),
    )
    ping = client.get("/ping")
    assert (ping.status_code, ping.content) == (200, b"")
    answer = client.post("/invocations", json=ROWS)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == 1
    csv = b"39.1,18.7,181,3750\n"
    headers = {"content-type": "text/csv; header=absent"}
    assert client.post("/invocations", content=csv, headers=headers).json() == answer.json()


def test_as_vertex_ai_starts_it(start: Callable[..., httpx.Client], model: Path) -> None:
    """Port and routes of the platform's choice; the health check of the image follows."""
    health, predict = "/v1/endpoints/1/deployedModels/2", "/v1/endpoints/1/deployedModels/2:predict"
    client = start(
        f"--volume={model}:/models:ro",
        "--env=AIP_HTTP_PORT=8080",
        f"--env=AIP_HEALTH_ROUTE={health}",
        f"--env=AIP_PREDICT_ROUTE={predict}",
        "--env=INFERENCE_MODEL_NAME=penguins",
        f"--env={OPEN}",
    )
    assert client.get(health).status_code == 200
    answer = client.post(predict, json=ROWS | {"parameters": {"predict_fn": "predict_proba"}})
    assert len(answer.json()["predictions"][0]) == 3
    container = client.headers["x-container"]
    check = json.loads(_run("docker", "inspect", "--format", "{{ json .Config }}", container))
    _run("docker", "exec", container, *check["Healthcheck"]["Test"][1:])


@pytest.mark.parametrize(
    "options",
    [
        ["--user=12345:0"],
        ["--user=1000740000:1000740000", "--cap-drop=ALL"],
        ["--user=0", "--cap-drop=ALL"],
    ],
    ids=["some user", "a user of OpenShift", "root without capabilities"],
)
def test_runs_as_any_user_with_a_read_only_root(
    start: Callable[..., httpx.Client], model: Path, options: list[str]
) -> None:
    client = start(
        *options,
        "--read-only",
        "--tmpfs=/tmp",
        "--tmpfs=/state:mode=1777",
        f"--volume={model}:/mnt/models:ro",
        "--env=INFERENCE_MODELS_DIR=/mnt/models",
        "--env=INFERENCE_MODEL_NAME=penguins",
        f"--env={OPEN}",
        port=8000,
    )
    assert client.post("/v1/models/penguins:predict", json=ROWS).status_code == 200
    assert client.put("/models/penguins/active", json={"version": 1}).status_code == 200
    assert "WARNING" not in log(client)


def test_says_what_to_mount_where_nothing_can_be_written(
    start: Callable[..., httpx.Client], model: Path
) -> None:
    client = start(
        "--read-only",
        f"--volume={model}:/models:ro",
        "--env=INFERENCE_MODEL_NAME=penguins",
        f"--env={OPEN}",
        port=8000,
    )
    assert client.post("/invocations", json=ROWS).status_code == 200
    assert "mount a volume or a tmpfs there" in log(client)
    assert client.put("/models/penguins/active", json={"version": 1}).status_code == 503


def test_the_image_of_the_page_has_its_model_in_it(
    start: Callable[..., httpx.Client], model: Path
) -> None:
    text = (ROOT / "docs" / "how-to" / "vertex-ai.md").read_text()
    (dockerfile,) = re.findall(r"^```dockerfile\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    (model.parent / "Dockerfile").write_text(dockerfile)
    own = f"{IMAGE}-with-model"
    _run("docker", "build", "--tag", own, str(model.parent), seconds=300)
    try:
        client = start(of=own, port=8000)
        assert client.post("/invocations", json=ROWS).status_code == 200
    finally:
        _run("docker", "rmi", "--force", own, check=False)


def test_other_commands_are_those_of_the_program(image: str) -> None:
    assert _run("docker", "run", "--rm", image, "--version").startswith("inference ")


@pytest.mark.parametrize(("page", "name"), [("sagemaker", "sagemaker"), ("vertex-ai", "vertex")])
def test_commands_of_the_pages_answer(image: str, model: Path, page: str, name: str) -> None:
    """The console blocks run as they stand, beside a folder ``model``."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text()
    block = "".join(re.findall(r"^```console\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE))
    commands = [each for each in re.split(r"^\$ ", block, flags=re.MULTILINE) if each]
    assert commands[0].startswith(f"docker build -t {image} ")
    script = "set -e\n" + "".join(commands[1:])
    try:
        done = subprocess.run(
            ["bash", "-c", script], cwd=model.parent, capture_output=True, timeout=120, check=False
        )
    finally:
        _run("docker", "rm", "--force", name, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b'"predictions":[' in done.stdout
