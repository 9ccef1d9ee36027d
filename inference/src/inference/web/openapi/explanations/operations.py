"""The explain and what-if routes: made from the predict route of the same model."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from inference.errors import ConflictError
from inference.explain.explained import Explained
from inference.web.openapi.answer_members import NUMBER, reference
from inference.web.openapi.answer_schema import describe_head, make_object
from inference.web.openapi.examples import ONE
from inference.web.openapi.identifiers import enumerate_values

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.web.openapi.identifiers import Identifier

Schema = dict[str, Any]

_JSON = "application/json"
_PREDICT = "/predict"
_DESCRIBED_FEATURES = 500  # more are unreadable on a page
_WHY = (
    "Predict, and say how much each feature contributes: Shapley values against the background "
    "rows in the file. The base and all contributions add up to the answer."
)
_ALONG = (
    "Predict along one feature: up to 64 values from its training range, or its categories. The "
    "other features stay as they are in the record."
)
_CLASSES: Schema = {
    "name": "classes",
    "in": "query",
    "schema": {"type": "string", "enum": ["all", "top"], "default": "all"},
    "description": "Explain each class, or the predicted one only.",
}
_METHOD: Schema = {
    "type": "string",
    "enum": ["exact", "sampled"],
    "description": "Sampled where all coalitions of features would be too many.",
}
_OUTPUT: Schema = {"type": "string", "description": "What is explained.", "examples": ["value"]}
_SHARES = {"Adelie": 0.25, "Gentoo": -0.25}
_ROWS: Schema = {"type": "integer", "description": "Rows that the model has run for this."}


def describe(
    servable: Servable, identifier: Identifier, predict: Schema, schemas: Schema
) -> dict[str, Schema]:
    """Describe the explain and what-if routes of one model.

    Args:
        servable: The model.
        identifier: The name of the model in code.
        predict: The operation of its predict route.
        schemas: Has the schemas of its predictions; receives those of its explanations.

    Returns:
        The operations by path; none for a model without contract.
    """
    contract = servable.contract
    if contract is None:
        return {}
    name = identifier.pascal
    added: Schema = {}
    start = f"/models/{servable.name}"
    operations = {}
    try:
        explained = Explained(servable) if contract.background else None
    except ConflictError:
        explained = None
    if explained is not None:
        added |= _explained_schemas(servable, name, schemas, explained)
        operations[f"{start}/explain"] = _explain(predict, name, has_classes=explained.has_classes)
    added[f"{name}Curve"] = _curve(servable, reference(f"{name}Prediction"))
    operations[f"{start}/whatif"] = _what_if(predict, name, contract.feature_names)
    for key, schema in added.items():
        schemas[key] = schema | {"title": key}
    for path, operation in operations.items():
        verb = "Explain" if path.endswith("/explain") else "What if, with"
        operation["summary"] = f"{verb} {servable.name}"
        operation["operationId"] = f"{path.rpartition('/')[2]}_{identifier.snake}"
    return operations


def describe_any(paths: Schema) -> Schema:
    """Describe the routes for any model and version, from their predict routes."""
    added: Schema = {}
    for path in ("/models/{name}", "/models/{name}/versions/{version}"):
        predict = paths[f"{path}{_PREDICT}"]["post"]
        which = "any model" if path.endswith("}") and "version" not in path else "one version"
        for operation, verb in (
            (_explain(predict, "", has_classes=True), "explain"),
            (_what_if(predict, "", []), "whatif"),
        ):
            operation["operationId"] = predict["operationId"].replace("predict", verb)
            summary = "Explain with" if verb == "explain" else "What if, with"
            operation["summary"] = f"{summary} {which}"
            added[f"{path}/{verb}"] = {"post": operation}
    return added


def any_schemas(schemas: Schema) -> Schema:
    """Describe the explanations of any model; takes the schemas of its predictions."""
    numbers: Schema = {
        "type": ["number", "object", "null"],
        "additionalProperties": NUMBER,
        "description": "A number, or one for each class, target or cluster.",
        "examples": [_SHARES],
    }
    by_feature: Schema = {
        "type": "object",
        "additionalProperties": numbers,
        "examples": [{"age": _SHARES}],
    }
    head = describe_head("penguins", 1)
    members = schemas["Prediction"]["properties"]
    return {
        "Explanation": _explanation(numbers, by_feature),
        **_answers("", members, [], head),
        "Curve": _curve(None, reference("Prediction")),
    }


def _explain(predict: Schema, name: str, *, has_classes: bool) -> Schema:
    operation = _like(predict, _WHY)
    if has_classes:
        operation["parameters"].append(_CLASSES)
    answers = [reference(f"{name}ExplainedOne"), reference(f"{name}ExplainedMany")]
    operation["responses"]["200"] = {
        "description": "The predictions with their explanations",
        "content": {_JSON: {"schema": {"anyOf": answers}}},
    }
    return operation


def _what_if(predict: Schema, name: str, features: list[str]) -> Schema:
    operation = _like(predict, _ALONG)
    feature: Schema = {"name": "feature", "in": "query", "required": True}
    feature["schema"] = {"type": "string"}
    if 0 < len(features) <= _DESCRIBED_FEATURES:
        feature["schema"] |= enumerate_values(list(features))
        feature["example"] = features[0]
    feature["description"] = "The feature to vary."
    operation["parameters"].append(feature)
    is_described = 0 < len(features) <= _DESCRIBED_FEATURES
    content: Schema = {"schema": reference(f"{name}Record" if is_described else "Record")}
    examples = predict["requestBody"]["content"][_JSON].get("examples", {})
    if ONE in examples or (examples and not name):
        content["examples"] = {ONE: examples[ONE]} if ONE in examples else examples
    operation["requestBody"]["content"] = {_JSON: content}
    operation["responses"]["200"] = {
        "description": "The predictions along the feature",
        "content": {_JSON: {"schema": reference(f"{name}Curve")}},
    }
    return operation


def _like(predict: Schema, description: str) -> Schema:
    operation = copy.deepcopy(predict)
    operation["description"] = description
    operation["parameters"] = operation.get("parameters", [])
    return operation


def _explained_schemas(
    servable: Servable, name: str, schemas: Schema, explained: Explained
) -> Schema:
    added: Schema = {}
    numbers: Schema = NUMBER
    if explained.keys is not None:
        added[f"{name}Share"] = {
            "type": "object",
            "properties": dict.fromkeys(explained.keys[:_DESCRIBED_FEATURES], NUMBER),
            "description": "A number for each class, target or cluster.",
        }
        numbers = reference(f"{name}Share")
    names = [feature.name for feature in servable.features or ()][:_DESCRIBED_FEATURES]
    by_feature = {"type": "object", "properties": dict.fromkeys(names, numbers)}
    prediction = schemas[f"{name}Prediction"]
    head = describe_head(servable.name, servable.version)
    return {
        **added,
        f"{name}Explanation": _explanation(numbers, by_feature),
        **_answers(name, prediction["properties"], prediction["required"], head),
    }


def _explanation(numbers: Schema, by_feature: Schema) -> Schema:
    members = {
        "method": _METHOD,
        "output": _OUTPUT,
        "base": numbers,
        "contributions": by_feature,
        "standard_error": by_feature,
        "model_rows": _ROWS,
    }
    required = [name for name in members if name != "standard_error"]
    return make_object(members, required) | {"description": "How each feature contributes."}


def _answers(name: str, members: Schema, required: list[str], head: Schema) -> Schema:
    explained = members | {"explanation": reference(f"{name}Explanation")}
    required = [*required, "explanation"]
    many = {"predictions": {"type": "array", "items": reference(f"{name}Explained")}}
    return {
        f"{name}Explained": make_object(explained, required)
        | {"description": "The explained prediction for one row."},
        f"{name}ExplainedOne": make_object(head | explained, ["model", "version", *required])
        | {"description": "The explained response to one record."},
        f"{name}ExplainedMany": make_object(head | many, ["model", "version", "predictions"])
        | {"description": "The explained response to a list, in the same order."},
    }


def _curve(servable: Servable | None, prediction: Schema) -> Schema:
    head = describe_head(*(("penguins", 1) if servable is None else _named(servable)))
    members = {
        "feature": {"type": "string"},
        "values": {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
        "predictions": {"type": "array", "items": prediction},
    }
    return make_object(head | members, ["model", "version", *members]) | {
        "description": "The predictions along one feature."
    }


def _named(servable: Servable) -> tuple[str, int]:
    return servable.name, servable.version
