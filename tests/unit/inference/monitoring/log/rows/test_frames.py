"""Frames are read as far as they are whole."""

from __future__ import annotations

import pytest

from inference.monitoring.log.rows.frames import encode_frame, read_frames

FRAMES = [
    encode_frame("a", 0, [b"schema"]),
    encode_frame("a", 2, [b"", b"one", b"two"]),
    encode_frame("b", 1, []),
]
WHOLE = b"".join(FRAMES)


def read(content: bytes) -> list[tuple[str, int, list[bytes]]]:
    found = read_frames(memoryview(content))
    return [(f.header.schema, f.header.requests, [*map(bytes, f.buffers)]) for f in found]


def test_frames_come_back_in_order() -> None:
    assert read(WHOLE) == [("a", 0, [b"schema"]), ("a", 2, [b"", b"one", b"two"]), ("b", 1, [])]
    assert [f.end for f in read_frames(memoryview(WHOLE))][-1] == len(WHOLE)


def test_a_file_that_ends_anywhere_gives_the_frames_before() -> None:
    ends = [sum(map(len, FRAMES[: count + 1])) for count in range(len(FRAMES))]

    for length in range(len(WHOLE) + 1):
        assert len(read(WHOLE[:length])) == sum(end <= length for end in ends), length


@pytest.mark.parametrize("junk", [b"\0" * 100, b"x", b"RKF1" + b"\xff" * 50])
def test_reading_stops_at_what_is_no_frame(junk: bytes) -> None:
    assert read(FRAMES[0] + junk) == read(FRAMES[0])


def test_no_changed_byte_is_taken_for_a_frame() -> None:
    for place in range(len(FRAMES[0])):
        changed = bytearray(FRAMES[0])
        changed[place] ^= 1
        assert not read(bytes(changed)), place
