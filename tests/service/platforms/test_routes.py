"""Routes that a platform chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

ROWS = {"instances": [[39.1, 18.7, 181.0, 3750.0]]}
ENDPOINT = "/v1/endpoints/1/deployedModels/2"


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("route", [f"{ENDPOINT}:predict", "/predict", "/score/"])
def test_further_routes_answer_with_the_same_keys(
    tmp_path: Path, route: str, *, direct: bool
) -> None:
    key, line = make_key("caller", ["predict"])
    (tmp_path / "keys").write_text(line + "\n")
    settings = {"predict_route": route, "health_route": ENDPOINT, "model_name": "m"}
    with Service(tmp_path, api_keys_file=tmp_path / "keys", direct=direct, **settings) as service:
        service.put("model.onnx", penguins())
        service.start()
        ask, headers = service.client, {"x-api-key": key}
        assert (ask.get(ENDPOINT).status_code, ask.get(ENDPOINT).content) == (200, b"")
        refused = ask.post(route, json=ROWS)
        assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHENTICATED")
        answer = ask.post(route, json=ROWS, headers=headers)
        assert len(answer.json()["predictions"]) == 1, answer.text
        for path in (route.rstrip("/"), route.rstrip("/") + "/", "/invocations"):
            assert ask.post(path, json=ROWS, headers=headers).json() == answer.json()
        own = ask.post("/models/m/predict", json=ROWS["instances"], headers=headers).json()
        assert [own["predictions"][0]["label"]] == answer.json()["predictions"]
