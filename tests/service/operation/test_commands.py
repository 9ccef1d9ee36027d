"""The commands against a running service: each does what its route does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


def run(*arguments: str, stdin: str = "", **settings: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "inference.cli", *arguments],
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make two keys as the how-to does: ``inference key NAME >> keys.txt``."""
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    made = {"file": str(file)}
    for name, scope in (("shop", "predict"), ("ops", "predict,admin")):
        with file.open("a") as opened:
            done = subprocess.run(
                [sys.executable, "-m", "inference.cli", "key", name, "--scope", scope],
                stdout=opened,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
            )
        made[name] = done.stderr.splitlines()[-1]
    assert len(file.read_text().splitlines()) == 2
    assert not any(made[name] in file.read_text() for name in ("shop", "ops"))
    return made


@pytest.fixture(scope="module")
def service(keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve two models, one of two versions, with the file of keys."""
    with Service(tmp_path_factory.mktemp("commands"), api_keys_file=keys["file"]) as service:
        service.put("m/1/model.onnx", penguins())
        service.put("m/2/model.onnx", penguins(seed=2))
        service.put("n/1/model.onnx", penguins(seed=1))
        service.start()
        service.client.headers["x-api-key"] = keys["ops"]
        service.wait_for("m", active_version=2)
        service.wait_for("n", state="ready")
        yield service


def ask(service: Service, keys: dict[str, str], *arguments: str, stdin: str = "") -> Any:
    """Run a command that has to succeed; give what it printed."""
    url = str(service.client.base_url)
    done = run(*arguments, stdin=stdin, url=url, api_key=keys["ops"])
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout) if "--json" in arguments else done.stdout


def test_models_shows_versions_pins_and_what_is_selected(
    service: Service, keys: dict[str, str]
) -> None:
    assert ask(service, keys, "pin", "m", "1") == "active version of model 'm': 1\n"
    assert service.model("m")["pinned_version"] == 1
    ask(service, keys, "select", "m")
    lines = [" ".join(line.split()) for line in ask(service, keys, "models").splitlines()]
    assert lines[0] == "MODEL STATE ACTIVE VERSIONS TASK METRICS REASON"
    assert lines[1].startswith("* m ready 1 (pinned) 1, 2 classification ")
    assert lines[2].startswith("n ready 1 1 classification ")
    output = ask(service, keys, "pin", "m", "latest")
    assert output == "active version of model 'm': 2 (follows the latest)\n"
    assert ask(service, keys, "models", "--json") == service.client.get("/models").json()


def test_select_pin_load_and_unload_do_what_the_routes_do(
    service: Service, keys: dict[str, str]
) -> None:
    chosen = ask(service, keys, "select", "m", "--version", "1", "--json")
    assert chosen["selected"] == {"model": "m", "version": 1}
    assert service.client.get("/models").json()["selected"] == {"model": "m", "version": 1}
    assert "version 2" in ask(service, keys, "select", "m")
    pinned = ask(service, keys, "pin", "m", "1", "--json")
    assert pinned == {"model": "m", "active_version": 1, "pinned_version": 1}
    ask(service, keys, "pin", "m", "latest")
    assert ask(service, keys, "unload", "n") == "model 'n' is unloaded\n"
    assert service.model("n")["state"] == "unloaded"
    assert ask(service, keys, "load", "n", "--json")["name"] == "n"
    assert service.model("n")["state"] == "ready"


def test_predict_takes_records_from_everywhere(
    service: Service, keys: dict[str, str], tmp_path: Path
) -> None:
    record = json.dumps(GOOD)
    answer = service.client.post("/models/m/predict", json=GOOD).json()
    assert ask(service, keys, "predict", "m", "--data", record, "--json") == answer
    assert ask(service, keys, "predict", "m", "--json", stdin=record) == answer
    (tmp_path / "rows.json").write_text(json.dumps([list(GOOD.values())] * 2))
    output = ask(service, keys, "predict", "m", "--file", str(tmp_path / "rows.json"))
    assert output.splitlines()[0] == "m version 2"
    assert len(output.splitlines()) == 3
    assert answer["label"] in output
    ask(service, keys, "select", "n")
    assert ask(service, keys, "predict", "--data", record).startswith("n version 1\n")
    first = ask(service, keys, "predict", "m", "--version", "1", "--data", record)
    assert first.startswith("m version 1\n")
    far = json.dumps(GOOD | {"body_mass_g": 99_999.0})
    assert "warning: feature 'body_mass_g': " in ask(service, keys, "predict", "m", "--data", far)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["select", "nn"], 1, "answers 404: there is no model 'nn'."),
        (["pin", "m", "9"], 1, "answers 404: model 'm' has no version 9"),
        (["pin", "m", "0"], 2, "'0' is not a version: versions are 1, 2, 3, ..."),
        (["load", "../x"], 1, "answers 404"),
        (["unload", "nn"], 1, "answers 404"),
        (["predict", "m", "--data", "{"], 1, "answers 400"),
        (["predict", "m", "--data", "[[1], [2]]"], 1, "answers 422: row 0"),
        (["predict", "m", "--file", "absent.json"], 2, "absent.json cannot be read: No such file"),
        (["predict", "--version", "1", "--data", "{}"], 2, "--version needs MODEL"),
        (["models", "--url", "ftp://x"], 2, "--url ftp://x: it must be a URL such as http"),
        (["models", "--url", "http://127.0.0.1:1"], 1, "start it with 'inference serve'"),
    ],
)
def test_a_command_that_fails_says_why(
    service: Service, keys: dict[str, str], arguments: list[str], status: int, said: str
) -> None:
    url = str(service.client.base_url)
    done = run(*arguments, url=url, api_key=keys["ops"])
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_output_that_cannot_be_written_is_told(service: Service, keys: dict[str, str]) -> None:
    """A full disk is an error, a reader that has left is none of ours."""
    settings = {"url": service.client.base_url, "api_key": keys["ops"]}
    command = [sys.executable, "-m", "inference.cli", "models"]
    for target, said in (
        ("/dev/full", "inference: the output cannot be written: No space"),
        ("", ""),
    ):
        reading, writing = os.pipe()
        os.close(reading)
        if target:
            os.close(writing)
            writing = os.open(target, os.O_WRONLY)
        done = subprocess.run(
            command,
            env=environment(**settings),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writing)
        assert done.returncode == 1
        assert done.stderr.startswith(said)
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "m", "--data", "\udcff"], "answers 400: "),
        (["predict", "\udcff", "--data", "1"], "answers 404: "),
        (["select", "m&model=n"], "answers 404: there is no model 'm&model=n'"),
        (["unload", "m/../n"], "answers 404"),
    ],
)
def test_whatever_a_shell_gives_reaches_the_service_as_it_is(
    service: Service, keys: dict[str, str], arguments: list[str], said: str
) -> None:
    done = run(*arguments, url=service.client.base_url, api_key=keys["ops"])
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_can_be_none_is_not_shown(service: Service) -> None:
    done = run("models", url=service.client.base_url, api_key="rk_secret\nsecret")
    assert done.returncode == 2
    assert "INFERENCE_API_KEY is not an API key" in done.stderr
    assert "secret" not in done.stderr


def test_the_predict_command_lists_every_wrong_row(service: Service, keys: dict[str, str]) -> None:
    bad = json.dumps([GOOD | {"body_mass_g": "x"}] * 30)
    url = str(service.client.base_url)
    done = run("predict", "m", "--data", bad, url=url, api_key=keys["ops"])
    lines = done.stderr.splitlines()
    assert lines[1].startswith("  row 0, feature 'body_mass_g': ")
    assert lines[-1] == "  and 10 more"


def test_a_key_is_needed_and_has_to_be_allowed(service: Service, keys: dict[str, str]) -> None:
    url = str(service.client.base_url)
    done = run("models", url=url)
    assert done.returncode == 1
    assert "answers 401 (set INFERENCE_API_KEY to an API key)" in done.stderr
    done = run("unload", "m", url=url, api_key=keys["shop"])
    assert "answers 403 (set INFERENCE_API_KEY to a key with the required scope)" in done.stderr
    assert keys["shop"] not in done.stderr


def test_an_unknown_setting_stops_the_start(tmp_path: Path) -> None:
    done = run("serve", models_dirr=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "inference: INFERENCE_MODELS_DIRR is not a setting. Did you mean 'INFERENCE_MODELS_DIR'? "
        "All settings: docs/reference/settings.md\n"
    )


def test_a_service_called_inference_in_kubernetes_stops_nothing(tmp_path: Path) -> None:
    """The rest of the environment is as Kubernetes makes it; the port is the pod's own."""
    links = {"service_host": "10.0.0.7", "port_8000_tcp": "tcp://10.0.0.7:8000"}
    with Service(tmp_path, grpc_port="tcp://10.0.0.7:8001", **links) as service:
        service.start()
        assert service.client.get("/healthz").status_code == 200
        assert "ignored: INFERENCE_GRPC_PORT; Kubernetes has set it" in service.log
