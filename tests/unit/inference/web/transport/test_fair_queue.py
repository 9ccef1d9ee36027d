"""The queue of connections that have received several requests."""

from __future__ import annotations

import asyncio

from inference.web.transport.fair_queue import FairQueue
from support.protocol_harness import turns_until


def test_entries_take_turns() -> None:
    class Counting:
        def __init__(self, name: str) -> None:
            self.name, self.left = name, 3

        def go_on(self) -> bool:
            order.append(self.name)
            self.left -= 1
            return self.left > 0

    order: list[str] = []

    async def run() -> None:
        turns = FairQueue()
        for one in (Counting("a"), Counting("b"), Counting("c")):
            turns.add(one)
            turns.add(one)
        await turns_until(lambda: len(order) == 9)

    asyncio.run(run())
    assert order == ["a", "b", "c"] * 3
