"""The examples of docs/how-to/behind-a-proxy.md, by nginx and Caddy, with TLS."""

from __future__ import annotations

import contextlib
import re
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from support.models.artifacts import penguins
from support.project import ROOT
from support.service.fast_requests import GOOD, HOT, TENSOR, V2
from support.service.nginx import listens, run_nginx
from support.service.ports import free_port
from support.service.process import Service, eventually
from support.storage.web_server import certify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

PAGE = (ROOT / "docs" / "how-to" / "behind-a-proxy.md").read_text()
TLS_NGINX, PATH_NGINX = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
TLS_CADDY, PATH_CADDY = re.findall(r"```caddy\n(.*?)```", PAGE, re.DOTALL)
NAME = "models.example.com"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve the name of the page, with a model selected."""
    with Service(tmp_path_factory.mktemp("service"), allowed_hosts=NAME) as made:
        made.put("penguins/1/model.onnx", penguins())
        made.start()
        made.client.post("/select-model/?model=penguins")
        yield made


@pytest.fixture
def run(tmp_path: Path, service: Service) -> Iterator[Callable[[str], int]]:
    """Give a function that runs an example with the service behind it, and returns its port."""
    tmp_path.chmod(0o755)
    certify(tmp_path, NAME)
    upstream = service.client.base_url.netloc.decode()
    port = free_port()

    def adapt(example: str) -> str:
        example = example.replace("127.0.0.1:8000", upstream)
        example = example.replace("/etc/ssl/models.pem", str(tmp_path / "server.pem"))
        return example.replace("/etc/ssl/models.key", str(tmp_path / "server.key"))

    with contextlib.ExitStack() as stack:

        def start(example: str) -> int:
            if "reverse_proxy" not in example:
                listening = re.sub(r"listen (\d+)", f"listen 127.0.0.1:{port}", adapt(example))
                stack.enter_context(run_nginx(tmp_path, listening, port))
                return port
            program = shutil.which("caddy")
            if program is None:
                pytest.skip("caddy is not installed")
            file = tmp_path / "Caddyfile"
            named = (
                adapt(example).replace(NAME, f"{NAME}:{port}", 1).replace(":80 {", f":{port} {{")
            )
            file.write_text(
                f"{{\n admin off\n auto_https off\n default_bind 127.0.0.1\n}}\n{named}"
            )
            home = {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
            process = subprocess.Popen(
                [program, "run", "--config", str(file), "--adapter", "caddyfile"],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=home,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            eventually(lambda: listens(port), what="caddy listens")
            return port

        yield start


@contextlib.contextmanager
def client(root: Path, port: int) -> Iterator[httpx.Client]:
    """Give a client that believes the authority, and that finds the name on this machine."""
    context = ssl.create_default_context(cafile=str(root / "authority.pem"))
    with httpx.Client(verify=context, trust_env=False, timeout=30) as made:

        def to_this_machine(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = NAME
            request.headers["host"] = f"{NAME}:{port}"

        made.event_hooks = {"request": [to_this_machine]}
        made.base_url = f"https://127.0.0.1:{port}"
        yield made


@pytest.mark.parametrize("example", [TLS_NGINX, TLS_CADDY], ids=["nginx", "caddy"])
def test_the_service_answers_with_tls(
    example: str, run: Callable[[str], int], tmp_path: Path, service: Service
) -> None:
    port = run(example)
    with client(tmp_path, port) as asking:
        assert asking.get("/readyz").status_code == 200
        for path, body in ((HOT, GOOD), (V2, TENSOR), ("/predict/", GOOD)):
            for _ in range(3):
                assert asking.post(path, content=body).status_code == 200, path
        servers = asking.get("/openapi.json").json().get("servers", [])
        assert all(server["url"].startswith(("https://", "/")) for server in servers)
        own = asking.post(HOT, content=GOOD, headers={"origin": f"https://{NAME}:{port}"})
        assert own.status_code == 200, own.text
        other = asking.post(HOT, content=GOOD, headers={"origin": "https://evil.example"})
        assert other.status_code == 403
        large = b"[" + b" " * (2 * 1024 * 1024) + GOOD + b"]"
        behind, direct = (c.post(HOT, content=large) for c in (asking, service.client))
        assert behind.json() == direct.json(), "the proxy passes what is above its own limit"
    assert "Traceback" not in service.log


@pytest.mark.parametrize("example", [PATH_NGINX, PATH_CADDY], ids=["nginx", "caddy"])
def test_the_service_answers_under_a_path(example: str, run: Callable[[str], int]) -> None:
    port = run(example)
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as asking:
        assert asking.get("/ml/").headers["location"].startswith("/ml/")
        assert asking.post(f"/ml{HOT}", content=GOOD).status_code == 200
        servers = asking.get("/ml/openapi.json").json()["servers"]
        assert servers[-1]["url"] == f"{address}/ml"


def test_a_name_that_is_not_allowed_is_refused_behind_the_proxy(
    run: Callable[[str], int], tmp_path: Path
) -> None:
    with client(tmp_path, run(TLS_NGINX)) as asking:
        asking.event_hooks = {"request": []}
        answer = asking.get(
            "/models", headers={"host": "evil.example"}, extensions={"sni_hostname": NAME}
        )
        assert answer.status_code == 421
