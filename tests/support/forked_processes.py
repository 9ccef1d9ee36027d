"""Asks a fork server, and finds the processes that it has started."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from inference.admission.admission import Limits
from support.service.process import eventually

if TYPE_CHECKING:
    from inference.admission.fork_server import ForkServer
    from inference.admission.report import Report


async def read_and_examine(server: ForkServer, path: Path, limits: Limits) -> Report:
    with await server.read(path, limits) as contents:
        return await server.examine(contents, limits)


def ask(server: ForkServer, path: Path, limits: Limits | None = None) -> Report:
    return asyncio.run(read_and_examine(server, path, limits or Limits()))


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def children(pid: int) -> set[int]:
    """Return all descendants of a process."""
    try:
        own = {int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()
    return own.union(*(children(child) for child in own))


def monitor_and_examiner(server: ForkServer) -> tuple[int, int]:
    """Wait for an examination; a reader may still be about to end beside it."""

    def find() -> tuple[int, int] | None:
        pairs = [(k, c) for k in children(server.pid) for c in children(k)]
        return pairs[0] if pairs else None

    found: tuple[int, int] = eventually(find, what="a monitor and its examiner")
    return found
