"""Attackers who have models of their own that cost what their input says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attackers.attacks import attack
from support.models.artifacts import FLOAT, INT64, graph, model, node, value
from support.models.hostile_models import busy

if TYPE_CHECKING:
    from attackers.target import Target


def sized() -> bytes:
    """Make a model whose output has as many elements as its input says."""
    nodes = [
        node("ReduceMax", ["X"], ["most"], keepdims=1),
        node("Cast", ["most"], ["count"], to=INT64),
        node("Squeeze", ["count"], ["flat"]),
        node("Unsqueeze", ["flat", "axis"], ["size"]),
        node("ConstantOfShape", ["size"], ["Y"]),
    ]
    from support.models.artifacts import tensor  # noqa: PLC0415 - beside its only use

    axis = tensor("axis", [0], INT64)
    return model(graph(nodes, [value("X", FLOAT, "n", 1)], [value("Y", FLOAT, "m")], [axis]))


HOSTILE = {"endless": busy, "sized": sized}


def _run(name: str, path: str, body: bytes) -> None:
    def run(target: Target) -> None:
        target.ask_again(
            target.request(path, body, "Content-Type: application/json"), connections=8
        )

    run.__name__ = name
    attack(run)


def _infer(number: str) -> bytes:
    return (
        '{"inputs":[{"name":"X","shape":[1,1],"datatype":"FP32","data":[' + number + "]}]}"
    ).encode()


_run("endless_run", "/models/endless/predict", b"[[9e15]]")
_run("endless_run_infer", "/v2/models/endless/infer", _infer("9e15"))
_run("tensor_of_8_gb", "/v2/models/sized/infer", _infer("2e9"))
_run("answer_of_220_mb", "/v2/models/sized/infer", _infer("2e7"))
