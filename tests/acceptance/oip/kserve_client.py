"""Asks a service with KServe's own inference client; run by test_kserve in its own environment."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import (
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)
from kserve.protocol.infer_type import RequestedOutput

ROWS = np.array([[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]], dtype=np.float32)


def _request(model: str, name: str, datatype: str, array: Any, *, binary: bool) -> InferRequest:
    tensor = InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(
        model_name=model,
        request_id="own id",
        infer_inputs=[tensor],
        parameters={"binary_data_output": True} if binary else {},
    )


async def _ask(url: str) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=30))
    answers: dict[str, Any] = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model_ready": await client.is_model_ready(url, "penguins"),
        "unloaded_ready": await client.is_model_ready(url, "bad"),
    }
    for binary in (True, False):
        asked = _request("penguins", "X", "FP32", ROWS, binary=binary)
        answer = await client.infer(url, asked, model_name="penguins")
        outputs = {output.name: output.as_numpy().tolist() for output in answer.outputs}
        answers[f"binary={binary}"] = {
            "id": answer.id,
            "model": answer.model_name,
            **outputs,
        }
    words = np.array([["a", "", "日本"]], dtype=object)
    asked = _request("id-bytes", "x", "BYTES", words, binary=False)
    answer = await client.infer(url, asked, model_name="id-bytes")
    answers["words"] = answer.outputs[0].as_numpy().tolist()
    half = np.array([[1.5, -2.0]], dtype=np.float16)
    asked = _request("id-fp16", "x", "FP16", half, binary=True)
    asked.request_outputs = [RequestedOutput("y", parameters={"binary_data": True})]
    answer = await client.infer(url, asked, model_name="id-fp16")
    answers["half"] = answer.outputs[0].as_numpy().tolist()
    try:
        await client.infer(url, asked, model_name="missing")
    except Exception as error:  # noqa: BLE001 - whatever it raises is what a caller sees
        answers["error"] = str(error)
    await client.close()
    return answers


sys.stdout.write(json.dumps(asyncio.run(_ask(sys.argv[1]))))
