"""Bodies over the limit, and without a key, through nginx as installed: HTTP/1.0 to the service."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

import httpx
import pytest

from inference.access.api_key import make_key
from support.amount import amount
from support.models.artifacts import penguins
from support.service.fast_requests import GOOD, HOT, V2, url
from support.service.nginx import nginx
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

TIMES = amount("LARGE_BODIES", 2)
KEY, ENTRY = make_key("all", ["predict"])
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("large")
    (root / "keys").write_text(ENTRY)
    with Service(root, api_keys_file=root / "keys") as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        with nginx(root / "nginx", url(service)) as proxy:
            yield proxy
        assert "Traceback" not in service.log


@pytest.mark.parametrize("path", [HOT, V2])
@pytest.mark.parametrize(
    ("mib", "is_keyed", "status"),
    [(80, True, 413), (80, False, 401), (30, False, 401), (60, True, 413)],
)
def test_each_gets_the_right_status(
    address: str, path: str, mib: int, *, is_keyed: bool, status: int
) -> None:
    body = b" " * (mib * MIB)

    def ask(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=60) as client:
            headers = {"x-api-key": KEY} if is_keyed else {}
            return client.post(address + path, content=body, headers=headers).status_code

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(TIMES))) == [status] * TIMES
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(address + HOT, content=GOOD, headers={"x-api-key": KEY})
        assert answer.status_code == 200
