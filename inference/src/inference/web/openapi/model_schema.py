"""One model in the OpenAPI document: its features, its responses, and examples of both.

The schemas are named components that code generators can tell apart: the responses to one record
and to a list each have a required member that the other lacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.serving.rows.numbers import write_exactly
from inference.web.openapi.answer_members import ANY_MEMBERS, reference
from inference.web.openapi.answer_schema import describe_answers, describe_head, make_object
from inference.web.openapi.error_responses import add_errors
from inference.web.openapi.examples import ModelExamples
from inference.web.openapi.identifiers import can_be_attributes, enumerate_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.web.openapi.identifiers import Identifier

Schema = dict[str, Any]

_UNUSED: Schema = {"description": "Ignored by the model."}
# More is unreadable on a page: a model with more features is described with any body, and longer
# lists of categories or classes are omitted.
_DESCRIBED_FEATURES = 500
_LISTED = 500
_LONGEST_TUPLE = 30
_ABOVE = "9000 is above 6300, the largest value seen in training"
_KINDS = {"number": "number", "integer": "integer", "boolean": "boolean", "category": "string"}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
_WARNING: Schema = {
    "row": {"type": ["integer", "null"], "description": "From 0; null for all rows."},
    "feature": {"type": ["string", "null"]},
    "reason": {"type": "string"},
}


def describe_predict(servable: Servable, identifier: Identifier, schemas: Schema) -> Schema:
    """Describe the route of one model.

    Args:
        servable: The model.
        identifier: The name of the model in code.
        schemas: Receives the schemas of its records and responses.
    """
    operation = describe_operation(
        f"predict_{identifier.snake}", f"Predict with {servable.name}", describe_training(servable)
    )
    return complete(operation, servable, identifier, schemas)


def describe_operation(operation_id: str, summary: str, description: str) -> Schema:
    """Describe a predict route for any model."""
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
    """Describe the records and responses of one model in an operation."""
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
    """Describe the records and responses of any model."""
    head = describe_head("penguins", 1)
    one = make_object(head | ANY_MEMBERS, ["model", "version"])
    many = {"predictions": {"type": "array", "items": reference("Prediction")}}
    several = make_object(head | many, ["model", "version", "predictions"])
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
        "Prediction": make_object(ANY_MEMBERS, []) | {"description": "The prediction for one row."},
        "Answer": one | {"description": "The response to one record."},
        "Answers": several | {"description": "The response to a list, in the same order."},
        "RowWarning": make_object(_WARNING, ["row", "feature", "reason"])
        | {
            "description": "A value outside the training data. The model predicts anyway.",
            "examples": [{"row": 0, "feature": "body_mass_g", "reason": _ABOVE}],
        },
    }


def describe_training(servable: Servable) -> str:
    """Return the description of a model, and its metrics."""
    contract = servable.contract
    if contract is None:
        return "This file has no contract. Its features have positions, but no names or ranges."
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

    The service also accepts one row without a list around it. That is not described, because
    generated clients could not tell it from a list of rows.
    """
    record, row = reference(f"{name}Record"), reference(f"{name}Row")
    item = {"title": "A record or a row", "anyOf": [record, row]}
    several = {"title": "A list", "type": "array", "minItems": 1, "items": item}
    return {"schema": {"title": "A record, or a list", "anyOf": [record, several]}}


def _answers(*schemas: Schema) -> Schema:
    return {
        "description": "The prediction; for a list, one per row",
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
    schema = {"type": "object", "description": f"A record for {servable.name}."}
    if not can_be_attributes([*(feature.name for feature in features), *unused]):
        names = ", ".join(feature.name for feature in features)
        schema["description"] += f" Its features: {names}."
        return schema | {"additionalProperties": _VALUE}
    return schema | {
        "properties": {
            **{feature.name: _property(feature) for feature in features},
            **dict.fromkeys(unused, _UNUSED),
        },
        "required": [feature.name for feature in features if not feature.nullable],
        "additionalProperties": False,
    }


def _row(features: Sequence[Feature]) -> Schema:
    """Describe values in feature order, by type only; the record describes them by name."""
    types = [_type(feature) for feature in features]
    described: Schema = {
        "type": "array",
        "description": ", ".join(feature.name for feature in features[:_LISTED]),
        "minItems": len(features),
        "maxItems": len(features),
    }
    if all(kind == types[0] for kind in types):
        return described | {"items": {"type": types[0]}}
    if len(types) > _LONGEST_TUPLE:  # more is unreadable
        return described | {"items": _VALUE}
    return described | {"prefixItems": [{"type": kind} for kind in types]}


def _type(feature: Feature) -> str | list[str]:
    kind = _KINDS[feature.kind]
    if feature.categories and not isinstance(feature.categories[0], str):
        kind = "integer"
    return [kind, "null"] if feature.nullable else kind


def _property(feature: Feature) -> Schema:
    # The training range is documented and not enforced: values outside cause a warning.
    parts = [feature.description or "", f"in {feature.unit}" if feature.unit else ""]
    if feature.minimum is not None and feature.maximum is not None:
        least, most = write_exactly(feature.minimum), write_exactly(feature.maximum)
        parts.append(f"seen in training: {least} to {most}")
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
