from __future__ import annotations

import pytest

from inference.telemetry.timing import Timing
from inference.web.message.exchange import Exchange
from inference.web.message.request_id import request_id


@pytest.mark.parametrize("given", [b"a", b"x" * 128, b"A-z.0_9:/+="])
def test_a_good_id_is_taken_over(given: bytes) -> None:
    assert request_id([(b"host", b"h"), (b"x-request-id", given)]) == given


@pytest.mark.parametrize(
    "given", [b"", b" ", b"x" * 129, b"a b", b"a\r\nSet-Cookie: b", b"a\n", b"\x00", b"\xff", b'"']
)
def test_any_other_is_replaced(given: bytes) -> None:
    made = {request_id([(b"x-request-id", given)]) for _ in range(3)}
    assert len(made) == 3
    assert given not in made


def test_the_first_good_one_counts() -> None:
    headers = [(b"x-request-id", value) for value in (b"bad id", b"one", b"two")]
    assert request_id(headers) == b"one"


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
