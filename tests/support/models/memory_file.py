"""Contents made of bytes, without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.admission.files.contents import read_contents

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.files.contents import Contents


def contents_of(data: bytes, folder: Path) -> Contents:
    """Write a file, and read it."""
    path = folder / "contents.onnx"
    path.write_bytes(data)
    return read_contents(path, len(data))
