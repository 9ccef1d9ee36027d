"""The bodies of all requests together stay within their limit."""

from __future__ import annotations

import pytest

from inference.access.body_budget import Bodies
from inference.errors import OverloadedError
from inference.settings import Settings

_SMALL = 64 * 1024
MIB = 1024 * 1024


@pytest.mark.parametrize(("size", "fits"), [(-1, True), (0, True), (1, False)])
def test_no_body_is_larger_than_what_is_free(size: int, fits: bool) -> None:
    bodies = Bodies(8 * MIB)
    with bodies.hold() as first, bodies.hold() as second:
        first.take(4 * MIB)
        if fits:
            second.take(2 * MIB + size)
        else:
            with pytest.raises(OverloadedError, match="INFERENCE_MAX_BODIES_BYTES"):
                second.take(2 * MIB + size)
    assert bodies.held == 0


def test_many_large_bodies_leave_room_for_a_smaller_one() -> None:
    """However many grow as far as they can: each leaves as much as it takes."""
    bodies = Bodies(64 * MIB)
    holds = [bodies.hold() for _ in range(30)]
    growing = list(holds)
    while growing:
        for hold in list(growing):
            try:
                hold.take(16 * 1024)
            except OverloadedError:
                growing.remove(hold)
    assert bodies.held < 64 * MIB
    with bodies.hold() as small:
        small.take(MIB)
    with bodies.hold() as tiny:
        tiny.take(_SMALL)
    for hold in holds:
        with hold:
            pass
    assert bodies.held == 0


def test_small_bodies_are_always_received() -> None:
    bodies = Bodies(1)
    with bodies.hold() as hold:
        hold.take(_SMALL)
        with pytest.raises(OverloadedError):
            hold.take(1)
    assert bodies.held == 0


def test_the_largest_body_has_to_find_room() -> None:
    with pytest.raises(ValueError, match="at least twice"):
        Settings(max_body_bytes=100, max_bodies_bytes=199)
    assert Settings(max_body_bytes=100, max_bodies_bytes=200).bodies_bytes == 200
    assert Settings(max_body_bytes=100).bodies_bytes == 400
