"""Many replicas that follow one bucket: until when all of them have a new version."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import httpx

from support.service.process import eventually
from support.storage.servers import Moto

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MODEL = "followed"
_PUBLICATIONS = 5


@dataclass(frozen=True)
class Followed:
    """What was measured.

    Attributes:
        replicas: How many processes followed the bucket.
        seconds: From the end of each upload until every folder had the version, and half of them.
        megabytes: Resident memory of one process.
    """

    replicas: int
    seconds: list[tuple[float, float]]
    megabytes: float


def measure(artifact: bytes, replicas: int, root: Path) -> Followed:
    """Let so many `inference sync` processes follow one bucket.

    Args:
        artifact: The ONNX file.
        replicas: How many.
        root: Where their folders go.
    """
    folders = [root / f"replica-{number:03}" for number in range(replicas)]
    for folder in folders:
        folder.mkdir(parents=True)
    with Moto(root) as store, contextlib.ExitStack() as stack:
        store.make_bucket("rookery")
        processes = [_follow(stack, folder, root, store.environment) for folder in folders]
        _upload(store.address, artifact, 1)
        eventually(lambda: all(_has(folder, 1) for folder in folders), within=300, every=0.2)
        seconds = [_publish(store.address, artifact, 2 + n, folders) for n in range(_PUBLICATIONS)]
        memory = sum(_resident(process.pid) for process in processes) / replicas
    return Followed(replicas, seconds, memory)


def _publish(
    endpoint: str, artifact: bytes, version: int, folders: list[Path]
) -> tuple[float, float]:
    _upload(endpoint, artifact, version)
    began = monotonic()

    def are_there(share: float) -> Callable[[], bool]:
        return lambda: sum(_has(folder, version) for folder in folders) >= share * len(folders)

    eventually(are_there(0.5), within=120, every=0.05)
    half = monotonic() - began
    eventually(are_there(1), within=120, every=0.05)
    return monotonic() - began, half


def _upload(endpoint: str, artifact: bytes, version: int) -> None:
    url = f"{endpoint}/rookery/models/{_MODEL}/{version}/model.onnx"
    httpx.put(url, content=artifact, timeout=60).raise_for_status()


def _has(folder: Path, version: int) -> bool:
    return (folder / _MODEL / str(version) / "model.onnx").exists()


def _follow(
    stack: contextlib.ExitStack, folder: Path, root: Path, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    log = stack.enter_context((root / f"{folder.name}.log").open("wb"))
    kept = {k: v for k, v in os.environ.items() if not k.startswith("INFERENCE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "inference.cli", "sync", "s3://rookery/models", str(folder)],
        env=kept | variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    stack.callback(process.wait, 30)
    stack.callback(process.terminate)
    return process


def _resident(pid: int) -> float:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123 - of the kernel
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024
