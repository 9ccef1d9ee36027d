"""Parameters that name a model: drop-downs on the page, one type in a generated client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.web.openapi.identifiers import enumerate_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.repository.snapshot import Snapshot

Schema = dict[str, Any]


def name_schemas(snapshot: Snapshot) -> Schema:
    """Describe the names of the models that are ready, and of all models."""
    return {
        "ModelName": _names(snapshot.ready_names, "A model that is ready."),
        "KnownModelName": _names(list(snapshot.models), "Any model, ready or not."),
    }


def offer_name(parameter: Schema, names: Sequence[str], *, is_known: bool = False) -> None:
    """Turn a parameter into a drop-down.

    Args:
        parameter: The parameter for the name of a model.
        names: The first is preselected.
        is_known: Whether to offer models that are not ready, too.
    """
    name = "KnownModelName" if is_known else "ModelName"
    parameter["schema"] = {"$ref": f"#/components/schemas/{name}"}
    parameter.setdefault("description", "Name of the model.")
    if names:
        parameter["example"] = names[0]


def _names(names: list[str], description: str) -> Schema:
    described: Schema = {"type": "string", "description": description}
    return described | enumerate_values(names) if names else described
