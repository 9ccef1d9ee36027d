"""A store that breaks: nothing half-copied is served, what is live stays, and it recovers."""

from __future__ import annotations

import random
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from exporter.delivery.bucket import BucketDestination
from exporter.errors import PlacementError
from support.models.artifacts import penguins
from support.service.process import eventually
from support.storage.fault_proxy import FaultProxy, hangs, trickles, usual_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.service.process import Service
    from support.storage.servers import Server

FILES = {version: penguins(version) for version in range(1, 6)}
ROW = [39.1, 18.7, 181.0, 3750.0]
# What asks for all objects, of S3 and of Azure.
LISTING = r"list-type=2|comp=list"
FAULTS = usual_faults(middle=1000, wrong=500)


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Put a proxy before the store, also for those that publish."""
    with FaultProxy(server.port) as made:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value.replace(f":{server.port}", f":{made.port}"))
        yield made


@pytest.fixture
def serving(proxy: FaultProxy, url: str, make_service: Callable[..., Service]) -> Iterator[Service]:
    """Serve version 1 of a model, and watch the folder and the answers until the end."""
    assert not proxy.seen, "it is put before the service"
    put(url, 1)
    # Each failed pass doubles the pause, up to a minute: it begins short, so that tests go on.
    service = make_service(url, sync_seconds=0.2).start()
    service.wait_for("m", active_version=1)
    ended = threading.Event()
    wrong: list[object] = []

    def watch() -> None:
        while not ended.wait(0.02):
            files = service.models.glob("[!.]*/*/model.onnx")
            wrong.extend(f for f in files if f.read_bytes() != FILES[int(f.parent.name)])
            answer = service.client.post("/models/m/predict", json=[ROW])
            if answer.status_code != 200:
                wrong.append(answer.text)

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield service
    ended.set()
    watcher.join()
    assert not wrong


def put(url: str, version: int) -> None:
    """Place a version as `publish()` does, which gives it the next number."""
    placed, _ = BucketDestination(url).place("m", FILES[version], lambda _: object())  # type: ignore[arg-type, return-value]
    assert placed == version


def put_through(proxy: FaultProxy, url: str, version: int) -> None:
    """Place a version; a publisher that met a fault tries again."""
    while True:
        met = proxy.met
        try:
            return put(url, version)
        except PlacementError:
            assert proxy.met > met


def has_moved(proxy: FaultProxy, service: Service, version: int, met: int) -> bool:
    """Tell whether a version answers, or the copying has met a fault."""
    return proxy.met > met or active(service) == version


def active(service: Service) -> Any:
    return service.model("m")["active_version"]


@pytest.mark.parametrize("kind", FAULTS)
def test_a_file_that_cannot_be_read_leaves_the_version_before_it(
    kind: str, proxy: FaultProxy, url: str, serving: Service
) -> None:
    proxy.breaks(FAULTS[kind], method="GET", path=r"m/2/model\.onnx")
    put(url, 2)
    eventually(lambda: proxy.met >= 2, within=30, what="two requests that break")
    assert active(serving) == 1
    proxy.heal()
    serving.wait_for("m", active_version=2, within=60)
    assert (serving.models / "m" / "2" / "model.onnx").read_bytes() == FILES[2]


@pytest.mark.parametrize("kind", ["500", "another page", "nothing", "cut in the middle", "refused"])
def test_a_listing_that_cannot_be_read_removes_nothing(
    kind: str, proxy: FaultProxy, url: str, serving: Service
) -> None:
    proxy.breaks(FAULTS[kind], method="GET", path=LISTING)
    eventually(lambda: proxy.met >= 4, within=30, what="listings that break")
    assert active(serving) == 1
    proxy.heal()
    put(url, 2)
    serving.wait_for("m", active_version=2, within=60)


@pytest.mark.parametrize("path", [r"m/2/model\.onnx", LISTING])
def test_a_store_that_hangs_holds_nothing_up(
    path: str, proxy: FaultProxy, url: str, serving: Service
) -> None:
    put(url, 2)
    serving.wait_for("m", active_version=2, within=30)
    proxy.breaks(hangs, method="GET", path=path.replace("2/", "3/"))
    if path != LISTING:
        put(url, 3)
    eventually(lambda: proxy.met, within=30, what="a request that hangs")
    assert active(serving) == 2
    assert serving.client.get("/readyz").status_code == 200
    proxy.heal()
    if path == LISTING:
        put(url, 3)
    serving.wait_for("m", active_version=3, within=60)


def test_a_slow_file_is_served_when_it_is_whole(
    proxy: FaultProxy, url: str, serving: Service
) -> None:
    proxy.breaks(trickles(len(FILES[2]) / 20), method="GET", path=r"m/2/model\.onnx")
    put(url, 2)
    eventually(lambda: proxy.met, within=30, what="the request for the file")
    assert active(serving) == 1
    assert not (serving.models / "m" / "2").exists()
    proxy.heal()  # now the rest comes
    serving.wait_for("m", active_version=2, within=60)
    reads = [path for method, path, _ in proxy.seen if method == "GET" and "m/2/model" in path]
    assert len(reads) == 1, "it was read once"


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_faults_ends_in_the_newest_version(
    seed: int, proxy: FaultProxy, url: str, serving: Service
) -> None:
    chosen = random.Random(seed)
    for version in range(2, 6):
        for _ in range(3):
            fault = chosen.choice(list(FAULTS.values()))
            proxy.breaks(fault, method="GET", path=chosen.choice(["m/", LISTING]), times=1)
            proxy.breaks(fault, method="HEAD", times=1)
        put_through(proxy, url, version)
        eventually(partial(has_moved, proxy, serving, version, proxy.met), within=60)
    proxy.heal()
    serving.wait_for("m", active_version=5, within=90)
