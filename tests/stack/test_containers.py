"""What the running containers may and may not do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.models.artifacts import STRING, graph, model, node, value

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.timeout(900)

both = pytest.mark.parametrize("container", ["jupyter_env", "api_service"])

LIST_PROCESSES = """
import json, pathlib
processes = []
for status in pathlib.Path("/proc").glob("[0-9]*/status"):
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    processes.append({key: value.strip() for key, value in fields.items()})
print(json.dumps(processes))
"""
TRY_TO_WRITE = """
import errno, json, pathlib
refused = {{}}
for folder in {folders!r}:
    probe = pathlib.Path(folder, "probe")
    try:
        probe.touch()
        probe.unlink()
        refused[folder] = None
    except OSError as error:
        refused[folder] = errno.errorcode[error.errno]
print(json.dumps(refused))
"""


@both
def test_is_healthy(container: str, inspect: Callable[[str], dict[str, Any]]) -> None:
    """The image's own health check holds."""
    assert inspect(container)["State"]["Health"]["Status"] == "healthy"


@both
def test_every_process_is_unprivileged(container: str, run_python: Callable[..., str]) -> None:
    """The fixed user, no capability, and no way to gain one."""
    processes = json.loads(run_python(container, LIST_PROCESSES))

    assert len(processes) >= 2
    for process in processes:
        assert process["Uid"].split() == ["10001"] * 4, process["Name"]
        assert process["Gid"].split() == ["10001"] * 4, process["Name"]
        assert int(process["CapEff"], 16) == 0, process["Name"]
        assert int(process["CapBnd"], 16) == 0, process["Name"]
        assert process["NoNewPrivs"] == "1", process["Name"]


@both
def test_is_limited(container: str, inspect: Callable[[str], dict[str, Any]]) -> None:
    """Neither can eat the machine, nor change its own image."""
    host = inspect(container)["HostConfig"]

    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["Privileged"] is False
    assert host["ReadonlyRootfs"] is True


def test_service_writes_nowhere_but_its_state(run_python: Callable[..., str]) -> None:
    """The service cannot change a model, itself or its system."""
    source = TRY_TO_WRITE.format(folders=["/", "/opt/venv", "/models", "/state", "/tmp"])  # noqa: S108

    assert json.loads(run_python("api_service", source)) == {
        "/": "EROFS",
        "/opt/venv": "EROFS",
        "/models": "EROFS",
        "/state": None,
        "/tmp": None,  # noqa: S108
    }


def test_notebooks_write_to_the_models_and_their_home(run_python: Callable[..., str]) -> None:
    """A person can publish and edit, and not change the system."""
    home = "/home/rookery/work/notebooks"
    source = TRY_TO_WRITE.format(folders=["/", "/opt/venv", "/models", home])

    assert json.loads(run_python("jupyter_env", source)) == {
        "/": "EROFS",
        "/opt/venv": "EROFS",
        "/models": None,
        home: None,
    }


def test_both_share_one_volume_that_only_notebooks_may_write(
    inspect: Callable[[str], dict[str, Any]],
) -> None:
    """One volume, read-only on the service's side."""
    mounts = {
        container: next(m for m in inspect(container)["Mounts"] if m["Destination"] == "/models")
        for container in ("jupyter_env", "api_service")
    }

    assert mounts["jupyter_env"]["Name"] == mounts["api_service"]["Name"]
    assert mounts["jupyter_env"]["RW"] is True
    assert mounts["api_service"]["RW"] is False


@pytest.mark.parametrize(
    "module", ["sklearn", "scipy", "pandas", "skl2onnx", "onnx", "exporter", "jupyterlab", "pip"]
)
def test_service_image_holds_nothing_of_the_notebooks(
    module: str, run_python: Callable[..., str]
) -> None:
    """The lean image is lean: nothing that trains, converts or installs."""
    source = f"import importlib.util; print(importlib.util.find_spec({module!r}))"

    assert run_python("api_service", source).strip() == "None"


@both
def test_onnxruntime_is_told_not_to_report_its_use(
    container: str, inspect: Callable[[str], dict[str, Any]]
) -> None:
    """Its telemetry is off before it can be imported."""
    assert "ORT_DISABLE_TELEMETRY=1" in inspect(container)["Config"]["Env"]


@both
def test_ports_are_published_on_loopback_only(
    container: str, inspect: Callable[[str], dict[str, Any]]
) -> None:
    """No other machine reaches either of them."""
    ports = inspect(container)["NetworkSettings"]["Ports"]
    published = [binding["HostIp"] for bindings in ports.values() for binding in bindings or []]

    assert published == ["127.0.0.1"]


def test_jupyter_lets_nobody_in_without_the_token_from_its_log(token: str) -> None:
    """No token and a wrong token are refused, the logged one opens."""
    with httpx.Client(base_url="http://127.0.0.1:8888", timeout=30) as person:
        assert person.get("/api/contents").status_code == httpx.codes.FORBIDDEN
        assert person.get("/lab").headers["location"].startswith("/login")
        wrong = {"Authorization": "token " + "0" * len(token)}
        assert person.get("/api/contents", headers=wrong).status_code == httpx.codes.FORBIDDEN

        right = {"Authorization": f"token {token}"}
        assert person.get("/lab", headers=right).status_code == httpx.codes.OK
        work = person.get("/api/contents", headers=right).json()["content"]
        assert {file["name"] for file in work} == {
            "penguins.ipynb",
            "mixed_columns.ipynb",
            "monitoring.ipynb",
        }
        start = person.get("/", headers=right)
        assert start.headers["location"].rstrip("?") == "/lab/tree/penguins.ipynb"


def test_jupyter_asks_nobody_for_news_or_updates(token: str) -> None:
    """JupyterLab shows no news, since it does not look for any."""
    with httpx.Client(
        base_url="http://127.0.0.1:8888", headers={"Authorization": f"token {token}"}, timeout=30
    ) as person:
        assert person.get("/lab/api/news").json() == {"news": []}
        assert person.get("/lab/api/update").json() == {"notification": None}


LOWER = """
import numpy as np
from inference.model.servable import Servable
from inference.admission.examiner import examine_here
from inference.admission.sandbox import give_up_files
data = bytes.fromhex({content!r})
servable = Servable.load("m", 1, data)
print(servable.run(None, {{"X": np.array(["\xc4\xd6 \u0130 B"], dtype=object)}})[0][0])
print(examine_here(data, give_up_files).admitted)
"""


@pytest.mark.parametrize("locale", [None, "en_US", "en_US.UTF-8"])
def test_text_models_have_the_locale_that_they_ask_for(
    locale: str | None, run_python: Callable[..., str]
) -> None:
    """Onnxruntime's default, which a slim image has not by itself."""
    more = {} if locale is None else {"locale": locale}
    onnx_graph = node("StringNormalizer", ["X"], ["Y"], case_change_action="LOWER", **more)
    content = model(graph([onnx_graph], [value("X", STRING, "n")], [value("Y", STRING, "n")]))
    lower, admitted = run_python("api_service", LOWER.format(content=content.hex())).splitlines()
    assert lower.split()[0] == "\xe4\xf6"
    assert admitted == "True"
