from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.storage import sync as sync_module
from support.storage.object_stores import SyncBench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncBench]:
    monkeypatch.setattr(sync_module, "_ADMITTED_SECONDS", -1.0)  # loaded at once
    made = SyncBench(tmp_path / "models")
    yield made
    made.copies.close()
