"""Peer (c): FastAPI, joblib and scikit-learn, as most projects serve a classifier."""

import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel


class Penguin(BaseModel):
    bill_length_mm: float
    bill_depth_mm: float
    flipper_length_mm: float
    body_mass_g: float


class Wide(BaseModel):
    features: list[float]


models = {path.stem: joblib.load(path) for path in Path(os.environ["PEER_MODELS"]).glob("*.joblib")}
app = FastAPI()


def answer(classifier: Any, rows: Any) -> list[dict[str, Any]]:
    classes = classifier.classes_.tolist()
    return [
        {"label": classes[row.argmax()], "probabilities": dict(zip(classes, row, strict=True))}
        for row in classifier.predict_proba(rows)
    ]


@app.post("/predict/{model}")
def predict(model: str, penguin: Penguin) -> dict[str, Any]:
    return answer(models[model], pd.DataFrame([penguin.model_dump()]))[0]


@app.post("/predict-batch/{model}")
def predict_batch(model: str, penguins: list[Penguin]) -> list[dict[str, Any]]:
    return answer(models[model], pd.DataFrame([penguin.model_dump() for penguin in penguins]))


@app.post("/predict-wide/{model}")
def predict_wide(model: str, wide: Wide) -> dict[str, Any]:
    return answer(models[model], np.array([wide.features]))[0]
