"""A client that predicts without pause while a test does something else."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

import httpx

from support.service.process import eventually

if TYPE_CHECKING:
    from support.service.process import Service

ROW = [39.1, 18.7, 181.0, 3750.0]
CLIENTS = 2


class Caller:
    """Predicts without pause, on connections that are kept alive, and keeps what comes back.

    Attributes:
        answers: How often each version answered.
        order: The versions that the first connection saw, each change of them.
        failures: Everything that was no prediction.
    """

    def __init__(self, service: Service, path: str) -> None:
        self._service = service
        self._path = path
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, args=(i,)) for i in range(CLIENTS)]
        self.answers: dict[int, int] = {}
        self.order: list[int] = []
        self.failures: list[tuple[int, str, str]] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        eventually(lambda: self.answers or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _call(self, number: int) -> None:
        with httpx.Client(base_url=self._service.client.base_url, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(self._path, json=ROW, timeout=30)
                except httpx.HTTPError as error:
                    self._fail(0, "", repr(error))
                    continue
                if answer.status_code != 200:
                    self._fail(answer.status_code, answer.headers["content-type"], answer.text)
                    continue
                version = answer.json()["version"]
                with self._lock:
                    self.answers[version] = self.answers.get(version, 0) + 1
                    if number == 0 and self.order[-1:] != [version]:
                        self.order.append(version)

    def _fail(self, *failure: Any) -> None:
        with self._lock:
            self.failures.append(failure)
