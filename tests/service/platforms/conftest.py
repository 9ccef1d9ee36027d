from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.answers import kinds as models
from support.answers.half_plus_two import half_plus_two
from support.models.artifacts import booleans, images, integers, mixed, penguins, regressor
from support.project import FIXTURES
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKGROUND = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve a model of each kind, answering from the parser and without it."""
    with Service(tmp_path_factory.mktemp("platforms"), direct=request.param) as service:
        for name, content in models.kinds().items():
            service.put(f"{name}/1/model.onnx", content)
        for name, content in {
            "booleans": booleans(),
            "half-plus-two": half_plus_two(),
            "images": images(),
            "integers": integers(),
            "mixed": mixed(),
            "penguins": penguins(background=BACKGROUND),
            "regressor": regressor(),
            "two-values": regressor(["a", "b"]),
            "foreign": (FIXTURES / "foreign.onnx").read_bytes(),
        }.items():
            service.put(f"{name}.onnx", content)
        yield service.start(within=90)
