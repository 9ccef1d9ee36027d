"""Run one attacker until its time is over: ``NAME PORT GRPC_PORT MODELS KEY SECONDS``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from worst_neighbour import file_attacks, grpc_attacks, run_attacks
from worst_neighbour.attacks import ATTACKS
from worst_neighbour.target import Target

__all__ = ["ATTACKS", "file_attacks", "grpc_attacks", "run_attacks"]

if __name__ == "__main__":
    name, port, grpc_port, models, key, seconds = sys.argv[1:]
    deadline = time.monotonic() + float(seconds)
    ATTACKS[name](Target(int(port), int(grpc_port), Path(models), key, deadline))
