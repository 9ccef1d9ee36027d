"""Peer (b): FastAPI, pydantic and onnxruntime, as their documentations put them together.

One thread for a run, which is what one core can use and what the service chooses there, too.
"""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel


class Penguin(BaseModel):
    bill_length_mm: float
    bill_depth_mm: float
    flipper_length_mm: float
    body_mass_g: float


class Wide(BaseModel):
    features: list[float]


class Prediction(BaseModel):
    label: str
    probabilities: dict[str, float]


options = ort.SessionOptions()
options.intra_op_num_threads = 1
sessions = {
    path.parent.parent.name: ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for path in Path(os.environ["PEER_MODELS"]).glob("*/1/model.onnx")
}
KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]
CLASSES = ["no", "yes"]
app = FastAPI()


def run(model: str, rows: list[list[float]], classes: list[str]) -> list[Prediction]:
    session = sessions[model]
    spec = session.get_inputs()[0]
    inputs = {spec.name: np.array(rows, dtype=KINDS[spec.type])}
    labels, probabilities = session.run(None, inputs)[:2]
    return [
        Prediction(label=label, probabilities=dict(zip(classes, row, strict=True)))
        for label, row in zip(labels.tolist(), probabilities.tolist(), strict=True)
    ]


@app.post("/predict/{model}")
async def predict(model: str, penguin: Penguin) -> Prediction:
    return run(model, [list(penguin.model_dump().values())], SPECIES)[0]


@app.post("/predict-batch/{model}")
async def predict_batch(model: str, penguins: list[Penguin]) -> list[Prediction]:
    return run(model, [list(penguin.model_dump().values()) for penguin in penguins], SPECIES)


@app.post("/predict-wide/{model}")
async def predict_wide(model: str, wide: Wide) -> Prediction:
    return run(model, [wide.features], CLASSES)[0]
