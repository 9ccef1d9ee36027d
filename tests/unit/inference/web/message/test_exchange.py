from __future__ import annotations

import pytest

from inference.telemetry.timing import Timing
from inference.web.message.exchange import Exchange


def test_a_response_says_how_long_it_is_and_where_the_time_went() -> None:
    response = Exchange("/", [(b"x-request-id", b"i")], b"").respond(200, b"text/plain", b"abc")
    assert dict(response.headers) == {
        b"content-type": b"text/plain",
        b"content-length": b"3",
        b"x-request-id": b"i",
        b"server-timing": b"parse;dur=0.000, queue;dur=0.000, infer;dur=0.000, encode;dur=0.000",
    }


def test_phases_add_up_to_the_whole() -> None:
    timing = Timing()
    timing.parse_ended()
    timing.run_began()
    timing.run_ended()
    timing.finish()
    assert sum(timing.seconds) == pytest.approx(timing.done - timing.started)
    assert min(timing.seconds) >= 0
