"""Attackers who may write to the models folder."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from attackers.attacks import attack
from support.models.artifacts import message, penguins
from support.models.hostile_models import endless, greedy

if TYPE_CHECKING:
    from pathlib import Path

    from attackers.target import Target


def _place(target: Target, name: str) -> Path:
    folder = target.models / name / "1"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "model.onnx"


@attack
def sparse_file_of_4_gb(target: Target) -> None:
    for n in range(3):
        with _place(target, f"sparse-{n}").open("wb") as file:
            file.truncate(4 << 30)
    target.wait()


@attack
def pipes_and_devices(target: Target) -> None:
    for n in range(8):
        with contextlib.suppress(FileExistsError):
            os.mkfifo(_place(target, f"pipe-{n}"))
            _place(target, f"zero-{n}").symlink_to("/dev/zero")
    target.wait()


@attack
def flipping_links(target: Target) -> None:
    folder = target.models / "flip"
    folder.mkdir(exist_ok=True)
    good = target.models / "good" / "1" / "model.onnx"
    while not target.is_over:
        for end in (good, "/dev/zero"):
            link = folder / ".next"
            link.unlink(missing_ok=True)
            link.symlink_to(end)
            (folder / "1").mkdir(exist_ok=True)
            link.replace(folder / "1" / "model.onnx")


@attack
def junk_by_hundreds(target: Target) -> None:
    for n in range(500):
        _place(target, f"junk-{n}").write_bytes(b"junk %d" % n * 100)
    while not target.is_over:
        for n in range(0, 500, 7):
            _place(target, f"junk-{n}").write_bytes(os.urandom(500))


@attack
def files_that_hang_or_devour(target: Target) -> None:
    for n in range(4):
        _place(target, f"endless-{n}").write_bytes(endless())
        _place(target, f"greedy-{n}").write_bytes(greedy())
    target.wait()


@attack
def tiny_fields_by_the_million(target: Target) -> None:
    bomb = penguins() + message((7, message(*[(5, b"")] * 200_000))) * 60
    for n in range(3):
        _place(target, f"bomb-{n}").write_bytes(bomb)
    target.wait()


@attack
def republications(target: Target) -> None:
    folder = target.models / "often"
    for n in range(1, 10_000):
        if target.is_over:
            return
        (folder / str(n)).mkdir(parents=True, exist_ok=True)
        temporary = folder / str(n) / ".next"
        temporary.write_bytes(penguins(note=str(n)))
        temporary.replace(folder / str(n) / "model.onnx")
