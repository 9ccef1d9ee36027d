from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from inference.settings import Settings
from inference.supervisor import Supervisor

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_that_dies_again_and_again_is_started_after_ever_longer_pauses(
    tmp_path: Path,
) -> None:
    with socket.socket() as first, socket.socket() as second:
        supervisor = Supervisor(Settings(), [first, second], tmp_path)
        pauses = [supervisor._pause(0, lived_seconds=5) for _ in range(9)]
        assert pauses == [0, 0, 1, 2, 4, 8, 16, 30, 30]
        assert supervisor._pause(1, lived_seconds=5) == 0, "the other one is without fault"
        assert supervisor._pause(0, lived_seconds=60) == 0, "a long life clears the record"
        assert supervisor._pause(0, lived_seconds=5) == 0
