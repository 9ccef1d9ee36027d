"""Run one attacker until its time is over: ``NAME PORT GRPC_PORT MODELS KEY SECONDS``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from attackers import body_attacks, file_attacks, grpc_attacks, run_attacks
from attackers.attacks import ATTACKS
from attackers.target import Target

__all__ = ["ATTACKS", "body_attacks", "file_attacks", "grpc_attacks", "run_attacks"]

if __name__ == "__main__":
    name, port, grpc_port, models, key, seconds = sys.argv[1:]
    deadline = time.monotonic() + float(seconds)
    ATTACKS[name](Target(int(port), int(grpc_port), Path(models), key, deadline))
