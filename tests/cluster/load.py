"""Steady load on the service's cluster address; every failed request is kept."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType


@dataclass
class Load:
    """Clients that ask one after the other until the block ends.

    Half of them open a connection for each request, the others keep theirs as long as the service
    does. A kept connection that the service closed between two requests is opened again: that is
    no failure, since no request was sent on it.

    Args:
        address: The host.
        path: What to POST to.
        body: The JSON document to send.
        clients: How many clients.
    """

    address: str
    path: str
    body: Any
    clients: int = 8
    port: int = 80
    headers: dict[str, str] = field(default_factory=dict)
    answered: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin."""
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_all, args=(number % 2 == 0,), daemon=True)
            for number in range(self.clients)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, after the last answers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def requests(self) -> int:
        """How many requests were answered with 200."""
        return sum(self.answered.values())

    def _ask_all(self, keeps: bool) -> None:
        body = json.dumps(self.body).encode()
        connection = None
        # A new connection takes one of 28,000 ports, for a minute after it is closed.
        while not self._stop.wait(0.002 if keeps else 0.03):
            reused = connection is not None
            if connection is None:
                connection = http.client.HTTPConnection(self.address, self.port, timeout=20)
            try:
                self._ask(connection, body)
            except (OSError, http.client.HTTPException) as error:
                # The standard's race: the server may close an idle connection at any time.
                if not (reused and isinstance(error, http.client.RemoteDisconnected)):
                    self.failures.append(repr(error))
                connection.close()
                connection = None
                continue
            if not keeps or connection.sock is None:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        headers = {"Content-Type": "application/json", **self.headers}
        connection.request("POST", self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status == 200:
            self.answered[json.loads(content)["version"]] += 1
        else:
            self.failures.append(f"{response.status} {content[:200]!r}")
