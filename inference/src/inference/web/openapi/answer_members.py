"""The members of one prediction in the OpenAPI document, for each kind of answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.answers.tensors import table_output
from inference.serving.predictions import is_classifier
from inference.web.openapi.identifiers import enumerate_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Contract, Label, LabelOutput
    from inference.model.servable import Servable

Schema = dict[str, Any]

NUMBER: Schema = {"type": ["number", "null"]}  # null stands for a number that JSON cannot represent
_NULL: Schema = {"type": "null"}
_INTERVAL: Schema = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
_LISTED = 500  # more are unreadable on a page
_SHOWN = 20
_OUTLIER = "1 for an inlier, -1 for an outlier."
_SCORE = (
    "The score of the row, scikit-learn's decision_function: below 0 for an outlier; the lower, "
    "the more abnormal."
)
_OBJECT: Schema = {"type": ["object", "null"]}
_TABLE: Schema = _OBJECT | {"additionalProperties": NUMBER}
_BY_CLASS = _TABLE | {"examples": [{"Adelie": 0.98, "Gentoo": 0.02}]}
# The members of predictions of any model; which of them are present depends on the model.
ANY_MEMBERS: Schema = {
    "label": {
        "type": ["string", "number", "boolean"],
        "description": "The predicted class, for a classifier; the number of the cluster, for a "
        f"clusterer; for an outlier detector {_OUTLIER}",
    },
    "probabilities": _OBJECT
    | {
        "additionalProperties": {"type": ["number", "object", "null"]},
        "description": "The probability of each class; null if the model has none. For a model "
        "with several labels, such an object for each target.",
        "examples": [{"Adelie": 0.98, "Gentoo": 0.02}],
    },
    "scores": _BY_CLASS
    | {"description": "The score of each class, for a classifier without probabilities."},
    "labels": _OBJECT
    | {
        "additionalProperties": {"type": ["string", "number", "boolean"]},
        "description": "The predicted class of each target, for a classifier with several.",
        "examples": [{"species": "Adelie", "sex": "female"}],
    },
    "score": NUMBER | {"description": f"For an outlier detector: {_SCORE}"},
    "distances": _TABLE
    | {
        "description": "The distance to each cluster, for a clusterer.",
        "examples": [{"0": 0.4, "1": 3.2}],
    },
    "vector": {
        "type": ["array", "null"],
        "items": NUMBER,
        "description": "The transformed row, for a transformer.",
        "examples": [[0.25, -1.5]],
    },
    "value": NUMBER | {"description": "The predicted value, for a regressor."},
    "values": _TABLE
    | {
        "description": "The value of each target, for a regressor with several.",
        "examples": [{"y": 1}],
    },
    "interval": _INTERVAL
    | {
        "description": "Holds the true value, with the coverage that the model was calibrated for.",
        "examples": [[3.1, 5.4]],
    },
    "intervals": _OBJECT
    | {
        "additionalProperties": _INTERVAL,
        "description": "The interval of each target, for a regressor with several.",
        "examples": [{"y": [3.1, 5.4]}],
    },
    "label_set": {
        "type": "array",
        "items": {"type": ["string", "number", "boolean"]},
        "description": "Holds the true class, with the coverage that the model was calibrated for.",
        "examples": [["Adelie", "Chinstrap"]],
    },
    "outputs": {
        "type": "object",
        "description": "Each output by its name, for any other ONNX file.",
        "examples": [{"output": [0.5]}],
    },
}


def reference(name: str) -> Schema:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def describe_members(servable: Servable, name: str, schemas: Schema) -> Schema:
    """Describe the members of one prediction, all of which are required.

    Args:
        servable: The model.
        name: The name of the model in code.
        schemas: Receives the schemas that the members refer to.
    """
    contract = servable.contract
    if contract is None:
        return _foreign(servable, name, schemas)
    return _of_task(servable, contract, name, schemas) | _calibrated(contract, name)


def _of_task(servable: Servable, contract: Contract, name: str, schemas: Schema) -> Schema:
    match contract.task:
        case "regression" if contract.targets is not None:
            return {"values": _table(name, "Values", schemas, contract.targets)}
        case "regression":
            return {"value": NUMBER}
        case "transformation":
            return {"vector": _vector(contract.targets or [])}
        case "multioutput_classification":
            return _several_labels(contract.labels or [], name, schemas)
        case "outlier_detection":
            schemas[f"{name}Label"] = _label([-1, 1]) | {"description": _OUTLIER}
            score = _NULL if contract.outputs.score is None else NUMBER | {"description": _SCORE}
            return {"label": reference(f"{name}Label"), "score": score}
        case _:
            return _label_and_table(servable, contract, name, schemas)


def _calibrated(contract: Contract, name: str) -> Schema:
    """Describe the intervals or the set of labels of a calibrated model."""
    calibration = contract.calibration
    if calibration is None:
        return {}
    percent = f"{100 * calibration.coverage:.6g}%"
    holds = f"Holds the true answer of {percent} of new rows like the calibration."
    if contract.task == "regression":
        if contract.targets is None:
            return {"interval": _INTERVAL | {"description": holds}}
        each = dict.fromkeys(contract.targets, _INTERVAL)
        described = {"type": "object", "properties": each, "required": list(each)}
        return {"intervals": described | {"description": f"{holds} Of each target alone."}}
    labels = {"type": "array", "items": reference(f"{name}Label")}
    return {"label_set": labels | {"description": f"{holds} May be empty or have several labels."}}


def _foreign(servable: Servable, name: str, schemas: Schema) -> Schema:
    if not is_classifier(servable):
        return {"outputs": _outputs(servable)}
    label, shares = servable.signature.outputs
    kind = "string" if label.dtype is not None and label.dtype.kind == "O" else "integer"
    width = max(0, *shares.shape[1:], 0)
    keys = servable.class_keys or [str(index) for index in range(width)]
    table = _table(name, servable.table_name.title(), schemas, keys)
    return {"label": {"type": kind}, servable.table_name: table}


def _label_and_table(servable: Servable, contract: Contract, name: str, schemas: Schema) -> Schema:
    schemas[f"{name}Label"] = _label(contract.classes or [])
    label = reference(f"{name}Label")
    if table_output(contract) is None:
        return {"label": label, servable.table_name: _NULL}
    keys = servable.class_keys or []
    return {
        "label": label,
        servable.table_name: _table(name, servable.table_name.title(), schemas, keys),
    }


def _several_labels(targets: Sequence[LabelOutput], name: str, schemas: Schema) -> Schema:
    """Describe the labels and probabilities of each target: maps, because the names are data."""
    names = [target.name for target in targets]
    kinds = [_label(target.classes) for target in targets]
    alike = all(kind == kinds[0] for kind in kinds)
    types = sorted({kind for label in kinds for kind in _as_list(label["type"])})
    classes = "; ".join(
        f"{target.name}: {', '.join(map(str, target.classes[:_SHOWN]))}"
        for target in targets[:_SHOWN]
    )
    schemas[f"{name}Labels"] = {
        "type": "object",
        "description": f"For each target{_listed(names)} The classes: {classes}.",
        "additionalProperties": kinds[0] if alike else {"type": _as_one(types)},
        "examples": [{target.name: target.classes[0] for target in targets[:_SHOWN]}],
    }
    having = [target for target in targets if target.probabilities is not None]
    if not having:
        return {"labels": reference(f"{name}Labels"), "probabilities": _NULL}
    table: Schema = {"type": "object", "additionalProperties": NUMBER}
    first = having[0]
    schemas[f"{name}Probabilities"] = {
        "type": "object",
        "description": "For each target, the probability of each of its classes"
        + ("." if len(having) == len(targets) else "; null for a target without probabilities."),
        "additionalProperties": table
        if len(having) == len(targets)
        else table | {"type": ["object", "null"]},
        "examples": [
            {first.name: {str(c): round(1 / len(first.classes), 3) for c in first.classes[:_SHOWN]}}
        ],
    }
    return {
        "labels": reference(f"{name}Labels"),
        "probabilities": reference(f"{name}Probabilities"),
    }


def _vector(columns: Sequence[str]) -> Schema:
    return {
        "type": "array",
        "description": f"The transformed row{_listed(columns)}",
        "items": NUMBER,
        "minItems": len(columns),
        "maxItems": len(columns),
    }


def _outputs(servable: Servable) -> Schema:
    names = [spec.name for spec in servable.signature.outputs]
    return {
        "type": "object",
        "description": f"By name: {', '.join(names[:_LISTED])}.",
        "examples": [dict.fromkeys(names[:_SHOWN], 0)],
    }


def _table(name: str, what: str, schemas: Schema, keys: Sequence[str]) -> Schema:
    """Describe numbers by name: a map, because the names are data."""
    each = {"Values": "For each target", "Distances": "To each cluster"}
    schemas[f"{name}{what}"] = {
        "type": "object",
        "description": each.get(what, "For each class") + _listed(keys),
        "additionalProperties": NUMBER,
        "examples": [{key: round(1 / len(keys), 3) for key in keys[:_SHOWN]}],
    }
    return reference(f"{name}{what}")


def _label(classes: Sequence[Label]) -> Schema:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    types = sorted({kinds[type(label)] for label in classes})
    described: Schema = {"type": _as_one(types)}
    if len(classes) > _LISTED:
        return described | {"description": f"One of {len(classes):,} classes."}
    if types in (["integer"], ["string"]):  # code generators support no other constants
        return described | enumerate_values(list(classes))
    return described | {"description": f"One of: {', '.join(map(str, classes))}."}


def _listed(names: Sequence[str]) -> str:
    """End a sentence with names, or with their number if they are many."""
    many = len(names) > _LISTED
    return f", {len(names):,} in total." if many else f": {', '.join(names)}."


def _as_one(types: list[str]) -> str | list[str]:
    return types[0] if len(types) == 1 else types


def _as_list(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types
