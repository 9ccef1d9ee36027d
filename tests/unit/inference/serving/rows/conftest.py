from __future__ import annotations

import pytest

from inference.model.servable import Servable
from inference.serving.rows.reader import RowReader
from support.models.artifacts import (
    mixed,
    penguins,
)


@pytest.fixture(scope="module")
def of_penguins() -> RowReader:
    return RowReader(Servable.load("penguins", 1, penguins()), max_rows=5)


@pytest.fixture(scope="module")
def of_mixed() -> RowReader:
    return RowReader(Servable.load("mixed", 1, mixed()), max_rows=100_000)
