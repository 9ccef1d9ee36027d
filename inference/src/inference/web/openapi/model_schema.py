"""What the OpenAPI document says of one model: its features, its answers, examples of both.

The schemas are named components, in forms that code generators can tell apart: what one record is
answered with has a required member that what a list is answered with has not, and the other way
round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.web.openapi.answer_schema import (
    NUMBER,
    describe_answers,
    describe_head,
    make_object,
    reference,
)
from inference.web.openapi.error_responses import add_errors
from inference.web.openapi.examples import ModelExamples
from inference.web.openapi.identifiers import can_be_attributes, enumerate_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.web.openapi.identifiers import Identifier

Schema = dict[str, Any]

_UNUSED: Schema = {"description": "Not read by the model."}
# No page can show more: a model of more features takes any body there, and longer lists of
# categories or classes are left out.
_DESCRIBED_FEATURES = 500
_LISTED = 500
_LONGEST_TUPLE = 30
_ABOVE = "9000 is above 6300, the largest value seen in training"
_KINDS = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}


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
        "responses": {"200": _answers(reference("Answers"), reference("Answer"))},
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
    describe_answers(servable, name, schemas)
    answer = _answers(reference(f"{name}Answer"), reference(f"{name}Answers"))
    operation["responses"]["200"] = answer
    _exemplify(operation["requestBody"], examples.requests)
    _exemplify(answer, examples.answers)
    for key in schemas:
        schemas[key]["title"] = key
    return add_errors(operation, examples.problem)


def any_schemas() -> Schema:
    """Describe what any model takes and answers."""
    table: Schema = {"type": ["object", "null"], "additionalProperties": NUMBER}
    by_class = table | {"examples": [{"Adelie": 0.98, "Gentoo": 0.02}]}
    members: Schema = {
        "label": {"type": ["string", "number", "boolean"], "description": "Of a classifier."},
        "probabilities": by_class | {"description": "By class; null where the model gives none."},
        "scores": by_class | {"description": "By class, of a classifier without probabilities."},
        "value": NUMBER | {"description": "Of a regressor."},
        "values": table
        | {"description": "By target, of a regressor on several targets.", "examples": [{"y": 1}]},
        "outputs": {
            "type": "object",
            "description": "By name, of any other ONNX file.",
            "examples": [{"output": [0.5]}],
        },
    }
    one = make_object(describe_head("penguins", 1) | members, ["model", "version"])
    prediction = make_object(members, [])
    many = {"predictions": {"type": "array", "items": reference("Prediction")}}
    example = {"row": 0, "feature": "body_mass_g", "reason": _ABOVE}
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
            "examples": [{"length_mm": 39.1, "island": "Dream"}],
        },
        "Row": {
            "type": "array",
            "description": "Values in the order of the features.",
            "items": _VALUE,
        },
        "Prediction": prediction | {"description": "The answer to one row."},
        "Answer": one | {"description": "The answer to one record."},
        "Answers": make_object(
            describe_head("penguins", 1) | many, ["model", "version", "predictions"]
        )
        | {"description": "The answers to a list, in its order."},
        "RowWarning": make_object(warning, ["row", "feature", "reason"])
        | {
            "description": "A value outside the training data; it is answered all the same.",
            "examples": [example],
        },
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


def _request(name: str) -> Schema:
    """Describe a body: a record, or a list of records or rows.

    One row without a list around it is answered, too. Generated clients could not tell it from a
    list of rows, so it is not described.
    """
    record, row = reference(f"{name}Record"), reference(f"{name}Row")
    item = {"title": "A record or a row", "anyOf": [record, row]}
    several = {"title": "A list", "type": "array", "minItems": 1, "items": item}
    return {"schema": {"title": "A record, or a list", "anyOf": [record, several]}}


def _answers(*schemas: Schema) -> Schema:
    return {
        "description": "The prediction; for a list of rows, one each",
        "content": {
            "application/json": {"schema": {"title": "One answer, or many", "anyOf": list(schemas)}}
        },
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


def _row(features: Sequence[Feature]) -> Schema:
    """Describe values in feature order: their types only, which the record describes by name."""
    types = [_type(feature) for feature in features]
    described: Schema = {
        "type": "array",
        "description": ", ".join(feature.name for feature in features[:_LISTED]),
        "minItems": len(features),
        "maxItems": len(features),
    }
    if all(kind == types[0] for kind in types):
        return described | {"items": {"type": types[0]}}
    if len(types) > _LONGEST_TUPLE:  # no page and no person can read more
        return described | {"items": _VALUE}
    return described | {"prefixItems": [{"type": kind} for kind in types]}


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
        described |= enumerate_values(categories)
        described["enum"] = [*categories, *([None] if feature.nullable else [])]
    elif categories:
        parts.append(f"seen in training: {', '.join(map(str, categories[:20]))}")
    described["description"] = "; ".join(filter(None, parts))
    described["examples"] = [feature.example]
    return described
