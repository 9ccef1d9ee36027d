"""What the OpenAPI document says of one model: its features, its answers, examples of both.

The schemas are named components, in forms that code generators can tell apart: what one record is
answered with has a required member that what a list is answered with has not, and the other way
round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.serving.answer import is_classifier
from inference.web.api.identifiers import can_be_attributes, name_constants
from inference.web.api.model_examples import ModelExamples
from inference.web.api.responses import add_errors

if TYPE_CHECKING:
    from inference.model.contract import Contract, Feature
    from inference.model.servable import Servable
    from inference.web.api.identifiers import Identifier

Schema = dict[str, Any]

_UNUSED: Schema = {"description": "Not read by the model."}
# No page can show more: a model of more features takes any body there, and longer lists of
# categories or classes are left out.
_DESCRIBED_FEATURES = 500
_LISTED = 500
_KINDS = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
_NUMBER: Schema = {"type": ["number", "null"]}  # null stands for a number that JSON cannot spell


def describe_predict(servable: Servable, identifier: Identifier, schemas: Schema) -> Schema:
    """Describe the route of one model.

    Args:
        servable: What answers.
        identifier: Its name in code.
        schemas: Where the schemas of its records and answers are put.
    """
    operation = describe_operation(
        f"predict_{identifier.snake}", f"Ask {servable.name}", describe_training(servable)
    )
    return complete(operation, servable, identifier, schemas)


def describe_operation(operation_id: str, summary: str, description: str) -> Schema:
    """Describe a predict route of which any model may be asked."""
    operation: Schema = {
        "tags": ["predict"],
        "summary": summary,
        "description": description,
        "operationId": operation_id,
        "requestBody": {"required": True, "content": {"application/json": _request("")}},
        "responses": {"200": _answers(_reference("Answers"), _reference("Answer"))},
    }
    return add_errors(operation)


def complete(
    operation: Schema, servable: Servable, identifier: Identifier, schemas: Schema
) -> Schema:
    """Describe what one model takes and answers in an operation that asks it."""
    examples = ModelExamples(servable)
    name, features = identifier.pascal, servable.features or []
    if len(features) <= _DESCRIBED_FEATURES:
        schemas[f"{name}Record"] = _record(servable)
        schemas[f"{name}Row"] = _row(features)
        operation["requestBody"]["content"]["application/json"] = _request(name)
    _describe_answers(servable, name, schemas)
    answer = _answers(_reference(f"{name}Answer"), _reference(f"{name}Answers"))
    operation["responses"]["200"] = answer
    _exemplify(operation["requestBody"], examples.requests)
    _exemplify(answer, examples.answers)
    return add_errors(operation, examples.problem)


def any_schemas() -> Schema:
    """Describe what any model takes and answers."""
    table: Schema = {"type": ["object", "null"], "additionalProperties": _NUMBER}
    members: Schema = {
        "label": {"type": ["string", "number", "boolean"], "description": "Of a classifier."},
        "probabilities": table | {"description": "By class; null where the model gives none."},
        "scores": table | {"description": "By class, of a classifier without probabilities."},
        "value": _NUMBER | {"description": "Of a regressor."},
        "values": table | {"description": "By target, of a regressor on several targets."},
        "outputs": {"type": "object", "description": "By name, of any other ONNX file."},
    }
    one = _object(_named("penguins", 1) | members, ["model", "version"])
    prediction = _object(members, [])
    many = {"predictions": {"type": "array", "items": _reference("Prediction")}}
    warning: Schema = {
        "row": {"type": ["integer", "null"], "description": "From 0; null for all rows."},
        "feature": {"type": ["string", "null"]},
        "reason": {"type": "string"},
    }
    return {
        "Record": {
            "type": "object",
            "description": "A value for each feature, by name.",
            "additionalProperties": _VALUE,
        },
        "Row": {
            "type": "array",
            "description": "Values in the order of the features.",
            "items": _VALUE,
        },
        "Prediction": prediction | {"description": "The answer to one row."},
        "Answer": one | {"description": "The answer to one record."},
        "Answers": _object(_named("penguins", 1) | many, ["model", "version", "predictions"])
        | {"description": "The answers to a list, in its order."},
        "RowWarning": _object(warning, ["row", "feature", "reason"])
        | {"description": "A value outside the training data; it is answered all the same."},
    }


def describe_training(servable: Servable) -> str:
    """Tell where a model comes from, and how good it is."""
    contract = servable.contract
    if contract is None:
        return "This file has no contract: its features are positional, nothing is known of them."
    metrics = contract.training.metrics
    description = (contract.training.description or "").strip()
    ended = not description or description.endswith((".", "!", "?"))
    parts = [description if ended else f"{description}."]
    if metrics is not None and metrics.accuracy is not None:
        parts.append(f"Accuracy {metrics.accuracy:.3f} on {metrics.rows} held-out rows.")
    if metrics is not None and metrics.r2 is not None:
        parts.append(f"R² {metrics.r2:.3f} on {metrics.rows} held-out rows.")
    return " ".join(filter(None, parts))


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Schema, required: list[str]) -> Schema:
    described: Schema = {"type": "object", "properties": properties}
    return described | {"required": required} if required else described


def _request(name: str) -> Schema:
    """Describe a body: a record, or a list of records or rows.

    One row without a list around it is answered, too. Generated clients could not tell it from a
    list of rows, so it is not described.
    """
    record, row = _reference(f"{name}Record"), _reference(f"{name}Row")
    several = {"type": "array", "minItems": 1, "items": {"anyOf": [record, row]}}
    return {"schema": {"anyOf": [record, several]}}


def _answers(*schemas: Schema) -> Schema:
    return {
        "description": "The prediction; for a list of rows, one each",
        "content": {"application/json": {"schema": {"anyOf": list(schemas)}}},
    }


def _exemplify(described: Schema, examples: Schema) -> None:
    if examples:
        content = described["content"]["application/json"]
        content["examples"] = {name: {"value": value} for name, value in examples.items()}


def _record(servable: Servable) -> Schema:
    features = servable.features or []
    unused = (servable.contract.unused or []) if servable.contract else []
    told = {"type": "object", "description": f"A record of {servable.name}."}
    if not can_be_attributes([*(feature.name for feature in features), *unused]):
        names = ", ".join(feature.name for feature in features)
        told["description"] += f" Its features: {names}."
        return told | {"additionalProperties": _VALUE}
    return told | {
        "properties": {
            **{feature.name: _property(feature) for feature in features},
            **dict.fromkeys(unused, _UNUSED),
        },
        "required": [feature.name for feature in features if not feature.nullable],
        "additionalProperties": False,
    }


def _row(features: Any) -> Schema:
    """Describe values in feature order: their types only, which the record describes by name."""
    types = [_type(feature) for feature in features]
    return {
        "type": "array",
        "description": ", ".join(feature.name for feature in features[:_LISTED]),
        "prefixItems": [{"type": kind} for kind in types],
        "minItems": len(features),
        "maxItems": len(features),
    }


def _type(feature: Feature) -> str | list[str]:
    kind = _KINDS[feature.kind]
    if feature.categories and not isinstance(feature.categories[0], str):
        kind = "integer"
    return [kind, "null"] if feature.nullable else kind


def _property(feature: Feature) -> Schema:
    # The training range is told and not enforced: values outside are answered with a warning.
    parts = [feature.description or "", f"in {feature.unit}" if feature.unit else ""]
    if feature.minimum is not None and feature.maximum is not None:
        parts.append(f"seen in training: {feature.minimum:g} to {feature.maximum:g}")
    described: Schema = {"type": _type(feature)}
    categories = feature.categories or []
    is_listed = len(categories) <= _LISTED
    if not is_listed:
        parts.append(f"{len(categories):,} categories were seen in training")
    elif categories and not feature.open_categories:
        described |= _enumerate(categories)
        described["enum"] = [*categories, *([None] if feature.nullable else [])]
    elif categories:
        parts.append(f"seen in training: {', '.join(map(str, categories[:20]))}")
    described["description"] = "; ".join(filter(None, parts))
    described["examples"] = [feature.example]
    return described


def _enumerate(values: list[Any]) -> Schema:
    """List values of one type."""
    is_text = isinstance(values[0], str)
    return {"enum": values} | (name_constants(values) if is_text else {})


def _named(model: str, version: int) -> Schema:
    return {
        "model": {"type": "string", "examples": [model]},
        "version": {"type": "integer", "examples": [version]},
        "warnings": {"type": "array", "items": _reference("RowWarning")},
    }


def _describe_answers(servable: Servable, name: str, schemas: Schema) -> None:
    members = _members(servable, name, schemas)
    required = list(members)
    schemas[f"{name}Prediction"] = _object(members, required) | {
        "description": f"What {servable.name} answers to one row."
    }
    named = _named(servable.name, servable.version)
    schemas[f"{name}Answer"] = _object(named | members, ["model", "version", *required]) | {
        "description": f"What {servable.name} answers to one record."
    }
    many = {"predictions": {"type": "array", "items": _reference(f"{name}Prediction")}}
    schemas[f"{name}Answers"] = _object(named | many, ["model", "version", "predictions"]) | {
        "description": f"What {servable.name} answers to a list, in its order."
    }


def _members(servable: Servable, name: str, schemas: Schema) -> Schema:
    """Describe the members of one prediction, all of which are there."""
    contract = servable.contract
    if contract is None:
        if not is_classifier(servable):
            outputs = ", ".join(spec.name for spec in servable.signature.outputs[:_LISTED])
            return {"outputs": {"type": "object", "description": f"By name: {outputs}."}}
        label = servable.signature.outputs[0].dtype
        kind = "string" if label is not None and label.kind == "O" else "integer"
        return {"label": {"type": kind}, "probabilities": _table(name, "Probabilities", schemas)}
    if contract.task == "regression":
        if contract.targets is None:
            return {"value": _NUMBER}
        targets = ", ".join(contract.targets[:_LISTED])
        return {"values": _table(name, "Values", schemas, f"By target: {targets}.")}
    schemas[f"{name}Label"] = _label(contract)
    has_table = contract.outputs.probabilities is not None
    table = _table(name, "Probabilities", schemas) if has_table else {"type": "null"}
    return {"label": _reference(f"{name}Label"), "probabilities": table}


def _table(name: str, what: str, schemas: Schema, description: str = "By class.") -> Schema:
    """Describe numbers by name: a map, since what they are called is data and no code."""
    schemas[f"{name}{what}"] = {
        "type": "object",
        "description": description,
        "additionalProperties": _NUMBER,
    }
    return _reference(f"{name}{what}")


def _label(contract: Contract) -> Schema:
    classes = contract.classes or []
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    types = sorted({kinds[type(label)] for label in classes})
    described: Schema = {"type": types[0] if len(types) == 1 else types}
    if len(classes) > _LISTED:
        return described | {"description": f"One of {len(classes):,} classes."}
    if types in (["integer"], ["string"]):  # code generators know no other constants
        return described | _enumerate(classes)
    return described | {"description": f"One of: {', '.join(map(str, classes))}."}
