"""The number of the operator's choices in answers that are made at once or later."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from support.protocol_harness import Bench

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.web.message.headers import Headers


class Numbers:
    """Numbers that change when a test says so."""

    def __init__(self) -> None:
        self.number = 1
        self.encoded = 0

    def on_change(self, notify: Callable[[], None]) -> None:
        self._notify = notify

    def change(self) -> None:
        self.number += 1
        self._notify()

    def line(self) -> bytes:
        self.encoded += 1
        return b"rookery-state: %d\r\n" % self.number

    def header(self) -> tuple[bytes, bytes]:
        return b"rookery-state", b"%d" % self.number

    async def wait(self, headers: Headers) -> None:
        pass


def named(bench: Bench) -> list[int]:
    return [int(n) for n in re.findall(rb"rookery-state: (\d+)\r\n", bench.transport.written)]


@pytest.mark.parametrize("fast_path", [True, False])
def test_each_answer_names_the_number_from_before_its_look_up(fast_path: bool) -> None:
    async def run() -> None:
        numbers = Numbers()
        bench = Bench(fast_path=fast_path, states=numbers)
        bench.send("/now")
        await bench.bodies(1)
        numbers.change()
        bench.send("/now")
        await bench.bodies(2)
        bench.send("/later")
        await bench.routes.began.wait()
        numbers.change()
        bench.routes.may_answer.set()
        await bench.bodies(3)
        bench.send("/now")
        await bench.bodies(4)
        assert named(bench) == [1, 2, 2, 3]

    asyncio.run(run())


def test_the_fast_path_encodes_the_number_only_when_it_changes() -> None:
    async def run() -> None:
        numbers = Numbers()
        bench = Bench(states=numbers)
        for answers in range(1, 21):
            if answers == 11:
                numbers.change()
            bench.send("/now")
            await bench.bodies(answers)
        assert named(bench) == [1] * 10 + [2] * 10
        assert numbers.encoded == 2

    asyncio.run(run())
