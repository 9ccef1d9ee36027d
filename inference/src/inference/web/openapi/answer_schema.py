"""The schemas of one model's responses in the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.web.openapi.answer_members import describe_members, reference

if TYPE_CHECKING:
    from inference.model.servable import Servable

Schema = dict[str, Any]


def describe_answers(servable: Servable, name: str, schemas: Schema) -> None:
    """Add the schemas of the responses to one row, to one record, and to a list."""
    members = describe_members(servable, name, schemas)
    required = list(members)
    schemas[f"{name}Prediction"] = make_object(members, required) | {
        "description": f"The prediction of {servable.name} for one row."
    }
    named = describe_head(servable.name, servable.version)
    schemas[f"{name}Answer"] = make_object(named | members, ["model", "version", *required]) | {
        "description": f"The response of {servable.name} to one record."
    }
    many = {"predictions": {"type": "array", "items": reference(f"{name}Prediction")}}
    schemas[f"{name}Answers"] = make_object(named | many, ["model", "version", "predictions"]) | {
        "description": f"The response of {servable.name} to a list, in the same order."
    }


def describe_head(model: str, version: int) -> Schema:
    """Describe the first members of every response."""
    return {
        "model": {"type": "string", "examples": [model]},
        "version": {"type": "integer", "examples": [version]},
        "warnings": {"type": "array", "items": reference("RowWarning")},
    }


def make_object(properties: Schema, required: list[str]) -> Schema:
    """Describe an object."""
    described: Schema = {"type": "object", "properties": properties}
    return described | {"required": required} if required else described
