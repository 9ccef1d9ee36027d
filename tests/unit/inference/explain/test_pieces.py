from __future__ import annotations

import pytest

from inference.errors import TooLargeError
from inference.explain.coalitions import RUN_ROWS
from inference.explain.pieces import Pieces


class Memory:
    """Fits some rows, and records the pieces that were tried."""

    def __init__(self, fits: int) -> None:
        self.fits = fits
        self.tried: list[int] = []
        self.done: list[int] = []

    def call(self, part: slice) -> None:
        self.tried.append(part.stop - part.start)
        if self.tried[-1] > self.fits:
            raise TooLargeError("too large")
        self.done.extend(range(part.start, part.stop))


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, RUN_ROWS, RUN_ROWS + 1, 20_000])
@pytest.mark.parametrize("fits", [64, 65, 100, 4096, RUN_ROWS])
def test_every_row_is_run_once_in_pieces_that_fit(count: int, fits: int) -> None:
    memory = Memory(fits)
    Pieces().run(count, RUN_ROWS, memory.call)
    assert memory.done == list(range(count))


@pytest.mark.parametrize("most", [1, 63, 64, 100, RUN_ROWS])
def test_no_piece_is_larger_than_allowed(most: int) -> None:
    memory = Memory(RUN_ROWS)
    Pieces().run(10_000, most, memory.call)
    assert memory.tried[0] == most
    assert max(memory.tried) == most


@pytest.mark.parametrize("most", [1, 64, RUN_ROWS])
def test_pieces_of_64_rows_that_do_not_fit_are_refused(most: int) -> None:
    memory = Memory(0)
    with pytest.raises(TooLargeError):
        Pieces().run(10_000, most, memory.call)
    assert memory.tried[-1] == min(most, 64)
    assert len(memory.tried) <= 8


def test_what_fitted_is_remembered_and_larger_pieces_are_tried_again_for_the_next_record() -> None:
    memory, pieces = Memory(100), Pieces()
    pieces.run(RUN_ROWS, RUN_ROWS, memory.call)
    memory.tried.clear()
    pieces.run(640, RUN_ROWS, memory.call)
    assert set(memory.tried) == {64}
    memory.tried.clear()
    memory.fits = RUN_ROWS
    pieces.grow()
    pieces.run(640, RUN_ROWS, memory.call)
    assert memory.tried == [128] * 5
