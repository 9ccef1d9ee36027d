"""Triton's own gRPC client sends API keys, and is refused without the scope that a call needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from inference.access.api_key import make_key
from support.models.oip_models import identity
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_asks_for_keys_where_the_service_does(tmp_path: Path) -> None:
    made = {scope: make_key(scope, [scope]) for scope in ("predict", "admin")}
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{line}\n" for _, line in made.values()))
    keys.chmod(0o600)
    service = Service(tmp_path, grpc_port=0, api_keys_file=keys)
    service.put("id-fp32.onnx", identity("FP32"))
    tensor = triton.InferInput("x", [1, 3], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 3), dtype=np.float32))
    calls: dict[str, Callable[[triton.InferenceServerClient, dict[str, str]], Any]] = {
        "open": lambda client, headers: client.is_server_live(headers=headers),
        "any": lambda client, headers: client.get_server_metadata(headers=headers),
        "predict": lambda client, headers: client.infer("id-fp32", [tensor], headers=headers),
        "admin": lambda client, headers: client.load_model("id-fp32", headers=headers),
    }
    allowed = {
        "": {"open"},
        "predict": {"open", "any", "predict"},
        "admin": {"open", "any", "admin"},
    }
    try:
        service.start(within=120)
        found = eventually(lambda: re.search(r"gRPC running on (\S+)", service.log), what="gRPC")
        with triton.InferenceServerClient(str(found[1])) as client:
            for scope, wanted in allowed.items():
                headers = {"authorization": f"Bearer {made[scope][0]}"} if scope else {}
                for name, call in calls.items():
                    if name in wanted:
                        call(client, headers)
                        continue
                    with pytest.raises(InferenceServerException) as raised:
                        call(client, headers)
                    code = "PERMISSION_DENIED" if scope else "UNAUTHENTICATED"
                    assert code in raised.value.status()
    finally:
        service.stop()
