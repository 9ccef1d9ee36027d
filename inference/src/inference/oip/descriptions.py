"""Models in the protocol's words: metadata, configuration, index, statistics.

The classes named are those of :mod:`inference.web.v2.schemas`. Nothing is made with them, since a
list of thousands of models would take them a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.repository.folder.scan import FILE_NAME
from inference.telemetry.statistics import Duration, ModelStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec
    from inference.repository.snapshot import Model, Snapshot

SERVER_NAME = "rookery"
EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_repository",
    "model_configuration",
    "statistics",
]
_PLATFORM = "onnx_onnxv1"
_STATES: dict[str, Any] = {"ready": "READY", "loading": "LOADING"}
_NOTHING = {"count": 0, "ns": 0}
_NEVER_ASKED = ModelStatistics()


def describe_metadata(model: Model, servable: Servable, *, whole: bool) -> dict[str, Any]:
    """Describe what a servable takes and gives, see :class:`ModelMetadata`.

    Args:
        model: The model it belongs to.
        servable: It.
        whole: Whether every version that answers is listed, and not this one only.
    """
    versions = model.ready_versions if whole else [servable.version]
    signature = servable.signature
    parameters: dict[str, Any] = {}
    if servable.contract is not None:
        parameters["contract"] = servable.contract
    left_out = {s.name: s.onnx_type for s in signature.outputs if s.datatype is None}
    if left_out:
        parameters["left_out_outputs"] = left_out
    return {
        "name": model.name,
        "versions": [str(version) for version in versions],
        "platform": _PLATFORM,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs if spec.datatype],
        "parameters": parameters,
    }


def describe_config(model: Model, servable: Servable) -> dict[str, Any]:
    """Describe a servable in the words of Triton's configuration, see :class:`ModelConfig`."""
    signature = servable.signature
    return {
        "name": model.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "default_model_filename": FILE_NAME,
        "version_policy": {"specific": {"versions": model.ready_versions}},
        "max_batch_size": 0,
        "input": [_config(spec) for spec in signature.inputs if spec.datatype],
        "output": [_config(spec) for spec in signature.outputs if spec.datatype],
        "parameters": {},
    }


def list_index(snapshot: Snapshot, *, ready: bool) -> list[dict[str, str]]:
    """List every version of every model, or only what answers, see :class:`IndexEntry`."""
    return [
        {
            "name": model.name,
            "version": str(version.number),
            "state": _STATES.get(version.state, "UNAVAILABLE"),
            "reason": version.reason,
        }
        for model in snapshot.models.values()
        for version in model.versions.values()
        if version.state == "ready" or not ready
    ]


def describe_statistics(
    asked: Iterable[tuple[str, int]], found: dict[tuple[str, int], ModelStatistics]
) -> list[dict[str, Any]]:
    """Describe the numbers of the versions asked for, see :class:`ModelStatisticsView`."""
    return [_statistics(name, v, found.get((name, v), _NEVER_ASKED)) for name, v in asked]


def ready_versions(
    snapshot: Snapshot, name: str | None, version: int | None
) -> Iterator[tuple[str, int]]:
    """Name the versions that statistics are asked for: all, a model's, or one.

    Raises:
        NotFoundError: No such model or version.
    """
    models = snapshot.models.values() if name is None else [snapshot.model(name)]
    for model in models:
        if version is not None and name is not None:
            snapshot.servable(name, version)
        yield from (
            (model.name, v) for v in model.ready_versions if version is None or v == version
        )


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    datatype = spec.datatype or spec.onnx_type
    return {"name": spec.name, "datatype": datatype, "shape": list(spec.shape)}


def _config(spec: TensorSpec) -> dict[str, Any]:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{kind}", "dims": list(spec.shape)}


def _statistics(name: str, version: int, numbers: ModelStatistics) -> dict[str, Any]:
    parse, queue, infer, encode = map(_duration, numbers.phases)
    return {
        "name": name,
        "version": str(version),
        "last_inference": int(numbers.last * 1000),
        "inference_count": round(numbers.rows),
        "execution_count": round(numbers.executions),
        "inference_stats": {
            "success": _duration(numbers.success),
            "fail": _duration(numbers.fail),
            "queue": queue,
            "compute_input": parse,
            "compute_infer": infer,
            "compute_output": encode,
            "cache_hit": _NOTHING,
            "cache_miss": _NOTHING,
        },
        # Decoding and encoding are requests' affairs here, not runs', so a run has none of them.
        "batch_stats": [
            {
                "batch_size": size,
                "compute_input": _NOTHING,
                "compute_infer": _duration(run),
                "compute_output": _NOTHING,
            }
            for size, run in sorted(numbers.runs.items())
        ],
    }


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": round(duration.count), "ns": round(duration.seconds * 1e9)}
