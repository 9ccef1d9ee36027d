"""Convert the tree models without the exporter: ``python convert_trees.py FOLDER``.

skl2onnx and onnxmltools write one TreeEnsemble in float32; CatBoost exports its own. What turns the
probabilities into a list of dictionaries (ZipMap) is left out or removed, because it is slow.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx

_make_attribute = onnx.helper.make_attribute


def make_plain_attribute(key: str, value: Any, *more: Any) -> Any:
    """Take the scalars that skl2onnx takes from histogram gradient boosting as they are."""
    if isinstance(value, list):
        value = [one.item() if isinstance(one, np.generic) else one for one in value]
        value = [int(one) if isinstance(one, bool) else one for one in value]
    return _make_attribute(key, value, *more)


onnx.helper.make_attribute = make_plain_attribute  # type: ignore[assignment]


def convert(model: Any, columns: int, target: Path) -> None:
    """Write one model as ONNX."""
    kind = type(model).__module__.partition(".")[0]
    inputs = [("X", FloatTensorType([None, columns]))]
    if kind == "catboost":
        model.save_model(str(target), format="onnx")
        without_zipmap(target)
        return
    if kind == "sklearn":
        converted = to_onnx(model, np.zeros((1, columns), np.float32), options={"zipmap": False})
    elif kind == "xgboost":
        converted = convert_xgboost(model, initial_types=inputs)
    else:
        converted = convert_lightgbm(model, initial_types=inputs, zipmap=False)
    target.write_bytes(converted.SerializeToString())


def without_zipmap(file: Path) -> None:
    """Give the tensor of probabilities in place of the dictionaries."""
    model = onnx.load(file)
    (zipmap,) = [node for node in model.graph.node if node.op_type == "ZipMap"]
    model.graph.node.remove(zipmap)
    (output,) = [value for value in model.graph.output if value.name == zipmap.output[0]]
    model.graph.output.remove(output)
    kind = onnx.TensorProto.FLOAT
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(zipmap.input[0], kind, [None, None])
    )
    onnx.save(model, file)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for pickle in folder.glob("*.joblib"):
        loaded = joblib.load(pickle)
        convert(loaded, loaded.n_features_in_, pickle.with_suffix(".onnx"))
