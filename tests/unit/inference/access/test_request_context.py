from __future__ import annotations

import pytest

from inference.access.request_context import RequestContext, request_id
from inference.logs import KEY_ID, REQUEST_ID, TRACE


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


def test_a_new_request_gives_its_id_to_the_log() -> None:
    KEY_ID.set("the last key")
    TRACE.set("the last trace")
    context = RequestContext("gRPC", "ModelInfer", [(b"x-request-id", b"mine")])
    assert REQUEST_ID.get() == context.request_id == b"mine"
    assert (KEY_ID.get(), TRACE.get()) == (None, None)
