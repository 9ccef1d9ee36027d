from __future__ import annotations

import os

import pytest

from inference.cli import main
from inference.cli.environment import ignored_links, read_settings
from inference.settings import AREAS, InvalidSettingsError, Settings
from inference.settings.explanation import right_values


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("INFERENCE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "x"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("KEEP_VERSIONS", "0"),
        ("KEEP_VERSIONS", "1.5"),
        ("RESCAN_SECONDS", "0"),
        ("RESCAN_SECONDS", "1e-9"),
        ("RESCAN_SECONDS", "inf"),
        ("RESCAN_SECONDS", "nan"),
        ("SETTLE_MS", "-1"),
        ("ADMISSION_TIMEOUT_SECONDS", "inf"),
        ("ADMISSION_TIMEOUT_SECONDS", "0"),
        ("ADMISSION_MEMORY_BYTES", "1"),
        ("MAX_BODY_BYTES", "0"),
        ("MAX_ROWS", "many"),
        ("FORCE_POLLING", "maybe"),
        ("LOG_LEVEL", "loud"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "models"])
def test_a_bad_value_stops_the_start_and_is_named(
    command: str,
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"INFERENCE_{name}", value)
    assert main([command]) == 2
    [line] = capsys.readouterr().err.splitlines()
    shown = value or "''"
    assert line.startswith(f"inference: INFERENCE_{name}={shown} is wrong: it must be ")


def test_every_bad_value_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFERENCE_PORT", "x")
    monkeypatch.setenv("INFERENCE_KEEP_VERSIONS", "x")
    assert main(["serve"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "65536", "=65536 is wrong: it must be a whole number from 0 to 65535, such as"),
        ("KEEP_VERSIONS", "0", "=0 is wrong: it must be a whole number of at least 1, such as 2"),
        ("RUN_SECONDS", "0", "=0 is wrong: it must be a number above 0 and at most 86400, such"),
        ("DEADLINE_SECONDS", "-1", "=-1 is wrong: it must be a number above 0, such as 30"),
        ("FORCE_POLLING", "may be", "='may be' is wrong: it must be true or false"),
        ("LOG_FORMAT", "xml", "=xml is wrong: it must be text or json"),
        ("LOG_LEVEL", "x" * 999, f"={'x' * 60}... is wrong: it must be debug, info, warning or"),
        ("HEAD_SECONDS", "\x1b[31m", "=?[31m is wrong: it must be a number"),
        ("MAX_BODIES_BYTES", "0", "=0 is wrong: it must be a whole number of at least 1"),
        ("MAX_BODIES_BYTES", "1", ": INFERENCE_MAX_BODIES_BYTES must be at least twice"),
        ("ALLOWED_HOSTS", "http://x", "=http://x is wrong: 'http://x' is not a host name"),
        ("CORS_ORIGINS", "x", "=x is wrong: 'x' is not an origin: use scheme, host and port"),
        ("URL", "127.0.0.1:8000", "=127.0.0.1:8000 is wrong: it must be a URL such as http"),
        ("URL", "http://me:secret@host", " is wrong: it must be a URL such as http"),
        ("URL", "http://me:secret@host", "=http://host is wrong: "),
        ("URL", "http://host/?key=secret", "=http://host/ is wrong: "),
        ("MODELS_URL", "ftp://me:secret@host/a?key=secret", "=ftp://host/a is wrong: "),
        ("MODELS_URL", "https://me:secret@[host/a?key=secret", "=https://[host/a is wrong: "),
        ("MODELS_DIR", "", "='' is wrong: it must be a path, such as models"),
        ("API_KEYS_FILE", " ", "=' ' is wrong: it must be a path"),
        ("UNIX_SOCKET", "", "='' is wrong: it must be a path"),
        ("HOST", "", "='' is wrong: it must be an address such as 127.0.0.1, or 0.0.0.0"),
        ("MAX_MODEL_BYTES", str(2**63), "is wrong: it must be at most 9223372036854775807"),
        ("PLANS", '{"m": {"threads": 9223372036854775808}}', ": it must be at most 922337203685"),
        ("URL", "http://[", "=http://[ is wrong: it must be a URL such as http"),
        ("PLANS", "xx", "=xx is wrong: it must be JSON such as {"),
        ("PLANS", "[" * 9999, "... is wrong: it must be JSON such as {"),
        ("PLANS", "[]", "=[] is wrong: it must be a JSON object such as {"),
        ("PLANS", '{"m": 1}', ": the plan of 'm' is 1: it must be an object, as in {"),
        ("PLANS", '{"*": {"mode": 1}}', ": mode of '*' is 1: it must be inline or thread"),
        ("PLANS", '{"m": {"mod": 1}}', ": the plan of 'm' has no 'mod', only mode, max_batch_rows"),
        ("PLANS", '{"m": {"threads": 0}}', ": threads of 'm' is 0: it must be a whole number of"),
    ],
)
def test_message_for_an_invalid_value_is_plain(
    name: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(f"INFERENCE_{name}", value)
    assert main(["serve"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert "secret" not in line
    for repr_ in ("Input should", "PosixPath", "ValidationError", "Value error", "NoneType"):
        assert repr_ not in line


@pytest.mark.parametrize("field", Settings.fields)
def test_every_setting_says_what_it_takes(field: str) -> None:
    said = right_values(Settings.fields[field])
    assert said.startswith("it must be ")
    assert not any(part in said for part in ("None", "<", "typing", "Pydantic"))


def test_plans_are_read() -> None:
    assert Settings(plans='{"m": {"threads": 2}}').plans["m"].threads == 2
    assert Settings(plans={"m": {"threads": 2}}).plans["m"].threads == 2


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("INFERENCE_PROT", "Did you mean 'INFERENCE_PORT'?"),
        ("inference_model_dir", "Did you mean 'INFERENCE_MODELS_DIR'?"),
        ("INFERENCE_KEEP_VERSION", "Did you mean 'INFERENCE_KEEP_VERSIONS'?"),
        ("INFERENCE_SERVICE_HOSTS", ""),
        ("INFERENCE_", ""),
        ("INFERENCE_PORT_TCP", "INFERENCE_PORT"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "models"])
def test_an_unknown_variable_stops_the_command(
    command: str,
    name: str,
    suggestion: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, "1")
    assert main([command]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"inference: {name} is not a setting.")
    assert suggestion in line
    assert line.endswith("docs/reference/settings.md")


# What Kubernetes 1.34 sets in each pod of a namespace with Services of these names.
LINKS = {
    "INFERENCE_SERVICE_HOST": "10.0.0.7",
    "INFERENCE_SERVICE_PORT": "8000",
    "INFERENCE_SERVICE_PORT_HTTP": "8000",
    "INFERENCE_PORT": "tcp://10.0.0.7:8000",
    "INFERENCE_PORT_8000_TCP": "tcp://10.0.0.7:8000",
    "INFERENCE_PORT_8000_TCP_PROTO": "tcp",
    "INFERENCE_PORT_8000_TCP_PORT": "8000",
    "INFERENCE_PORT_8000_TCP_ADDR": "10.0.0.7",
    "INFERENCE_GRPC_PORT": "tcp://10.0.0.8:8001",
    "INFERENCE_GRPC_SERVICE_HOST": "10.0.0.8",
    "INFERENCE_MODEL_API_PORT": "udp://10.0.0.9:53",
    "INFERENCE_MODEL_API_PORT_53_UDP_ADDR": "10.0.0.9",
}


def test_what_kubernetes_sets_for_services_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert (settings.port, settings.grpc_port) == (8000, None)
    assert ignored_links() == ["INFERENCE_PORT", "INFERENCE_GRPC_PORT"]
    monkeypatch.setenv("INFERENCE_PORT", "9000")
    assert read_settings().port == 9000
    assert ignored_links() == ["INFERENCE_GRPC_PORT"]


def test_settings_beside_each_other_are_all_in_one_area() -> None:
    names = [name for area in AREAS for name in area.fields]
    assert sorted(names) == sorted(Settings.fields)
    assert len(names) == len(set(names))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        Settings().port = 1


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.fields.values())


@pytest.mark.parametrize("variable", ["AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"])
def test_variables_of_platforms_apply_where_a_setting_has_no_value(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("INFERENCE_PORT", raising=False)
    monkeypatch.setenv(variable, "8080")
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/1/deployedModels/2:predict")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/v1/endpoints/1/deployedModels/2/")
    settings = Settings()
    assert settings.port == 8080
    assert settings.predict_route == "/v1/endpoints/1/deployedModels/2:predict"
    assert settings.health_route == "/v1/endpoints/1/deployedModels/2"
    monkeypatch.setenv("INFERENCE_PORT", "9000")
    monkeypatch.setenv(variable, "")
    monkeypatch.setenv("INFERENCE_HEALTH_ROUTE", "/up")
    assert (Settings().port, Settings().health_route) == (9000, "/up")


@pytest.mark.parametrize("route", ["predict", "/", "", "/a//b", "/a?b", "/a b"])
def test_a_route_that_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    monkeypatch.setenv("INFERENCE_PREDICT_ROUTE", route)
    with pytest.raises(InvalidSettingsError):
        Settings()
