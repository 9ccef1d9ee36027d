"""Where measurements happen: cores, folders, the models, the load generator."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from typing import TYPE_CHECKING

from benchmark import environments
from benchmark.material import Material
from benchmark.server import mlserver, peer, protocol, service
from benchmark.wrk import Request, Wrk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmark.figures import Figures
    from benchmark.server import Server

    Measure = Callable[[], Figures]

_WARM_UP_REQUESTS = 100


class Stage:
    """Starts servers on one core and asks them from another.

    Args:
        folder: For everything that is made; a temporary one.
        seconds: Length of one measurement of throughput.

    Attributes:
        core: Where a server runs.
        cores: All cores, for what is to use several.
    """

    def __init__(self, folder: Path, seconds: int) -> None:
        self.cores = sorted(os.sched_getaffinity(0))
        if len(self.cores) < 2:
            raise SystemExit("two cores are needed: one for the server, one for the generator")
        self.core, self._generator = self.cores[0], self.cores[-1]
        self.folder = folder
        self.seconds = seconds
        os.sched_setaffinity(0, {self._generator})
        scripts = folder / "wrk"
        scripts.mkdir()
        self.wrk = Wrk(scripts, [self._generator])
        self.wrk_everywhere = Wrk(_made(folder / "wrk-everywhere"), self.cores)
        self.material = Material(folder / "material")
        self._numbers = itertools.count()

    def new_folder(self, name: str) -> Path:
        """Make a folder that nothing else uses."""
        return _made(self.folder / f"{next(self._numbers)}-{name}")

    @contextlib.contextmanager
    def ours(
        self,
        folder: Path,
        *requests: Request,
        models: Path | None = None,
        cores: Sequence[int] = (),
        **settings: object,
    ) -> Iterator[Server]:
        """Run the service, with its answers to these requests warm."""
        started = service(cores or [self.core], folder, models or self.material.models, **settings)
        with started as server:
            warm_up(server, requests)
            yield server

    @contextlib.contextmanager
    def peer(self, name: str, *requests: Request) -> Iterator[Server]:
        """Run a peer, with its answers to these requests warm."""
        models = {
            "fastapi_onnx": self.new_folder("peer-models"),
            "fastapi_joblib": self.material.pickles,
        }.get(name, self.folder)
        if name == "fastapi_onnx":
            for source in (self.material.models, self.material.wide_models):
                for model in source.glob("[a-z]*"):
                    (models / model.name).symlink_to(model)
        with peer(name, [self.core], self.new_folder(name), models) as server:
            warm_up(server, requests)
            yield server

    @contextlib.contextmanager
    def mlserver(self, *names: str) -> Iterator[Server]:
        """Run MLServer with some models, and its answers to one row of each warm."""
        folder = self.new_folder("mlserver")
        for name in names:
            document = {
                "name": name,
                "implementation": "mlserver_sklearn.SKLearnModel",
                "parameters": {"uri": str(self.material.pickles / f"{name}.joblib")},
            }
            _made(folder / name).joinpath("model-settings.json").write_text(json.dumps(document))
        with mlserver(environments.mlserver(), [self.core], folder) as server:
            warm_up(server, [self.material.mlserver_one(name) for name in names])
            yield server

    @contextlib.contextmanager
    def protocol(self, request: Request) -> Iterator[Server]:
        """Run the protocol that parses nothing."""
        with protocol([self.core], self.new_folder("protocol")) as server:
            warm_up(server, [request])
            yield server

    def load(
        self, server: Server, request: Request, connections: int, *, times: int = 1
    ) -> Measure:
        """Make a measurement by the generator; ``times`` as long as usual."""

        def measure() -> Figures:
            before = server.cpu_seconds
            figures = self.wrk.measure(
                server.url, request, connections=connections, seconds=self.seconds * times
            )
            taken = server.cpu_seconds - before
            return figures | {"cpu_us": taken / max(1, figures["requests"]) * 1e6}

        return measure


def warm_up(server: Server, requests: Sequence[Request]) -> None:
    """Wait until every request is answered, and have each answered some times."""
    server.wait_for(*requests)
    for request in requests:
        for _ in range(max(3, _WARM_UP_REQUESTS * 100 // (100 + len(request.body)))):
            server.ask(request)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
