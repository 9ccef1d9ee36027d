"""The traffic of a model in the notebook: what is sent, and what is shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from exporter.rookery.served_model import ServedModel


class Recorded:
    """A connection that keeps what is sent."""

    url = "http://service"

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, method: str, path: str, body: Any = None) -> Any:
        self.sent.append((method, path, body))
        return {}

    def get(self, path: str) -> Any:
        self.sent.append(("GET", path, None))
        return {"traffic": {"sticky": "x"}, "measured": {"rows": 3}, "decision": None}


def test_sends_what_the_route_takes_and_leaves_out_the_rest() -> None:
    connection: Any = Recorded()
    traffic = ServedModel(connection, "my model").traffic
    traffic(split={3: 90, 4: 10}, sticky="x-user")
    traffic(shadow=4, promote={"after_rows": 10, "max_error_rate": 0})
    traffic(shadow={"version": 4, "percent": 20}).end()
    path = "/models/my%20model/traffic"
    assert connection.sent == [
        ("PUT", path, {"split": {"3": 90, "4": 10}, "sticky": "x-user"}),
        ("PUT", path, {"shadow": 4, "promote": {"after_rows": 10, "max_error_rate": 0}}),
        ("PUT", path, {"shadow": {"version": 4, "percent": 20}}),
        ("DELETE", path, None),
    ]


def test_shows_what_holds_and_what_was_measured() -> None:
    connection: Any = Recorded()
    traffic = ServedModel(connection, "m").traffic
    assert (traffic.state, traffic.measured) == ({"sticky": "x"}, {"rows": 3})
    assert traffic.decision is None
    assert "'rows': 3" in repr(traffic)


def test_versions_and_limits_may_be_numbers_of_numpy() -> None:
    """A version of the index of ``versions()`` is one."""
    connection: Any = Recorded()
    numbers: list[Any] = [np.int64(4), np.int64(10), np.float32(100)]
    version, rows, percent = numbers
    traffic = ServedModel(connection, "m").traffic
    traffic(shadow=version, promote={"after_rows": rows})
    traffic(split={version: percent})
    bodies = [body for _, _, body in connection.sent]
    assert bodies == [{"shadow": 4, "promote": {"after_rows": 10}}, {"split": {"4": 100.0}}]
    assert [type(bodies[0]["shadow"]), type(bodies[1]["split"]["4"])] == [int, float]
