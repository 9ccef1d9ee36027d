"""The models folder: where it is, when it is scanned, what the examination of a file may take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from inference.settings.units import MIB


class Folder(BaseModel):
    """Models, versions and examinations."""

    models_dir: Annotated[Path, Field(description="The models folder; read, never written.")] = (
        Path("models")
    )
    state_dir: Annotated[
        Path, Field(description="Where selection, pins and unloads are kept; created when missing.")
    ] = Path(".state")
    keep_versions: Annotated[
        int,
        Field(
            ge=1, description="Versions kept loaded per model, the highest first; a pin adds one."
        ),
    ] = 2
    rescan_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=86_400,
            description="How often the folder is scanned even when no event came.",
        ),
    ] = 5
    force_polling: Annotated[
        bool,
        Field(
            description="Poll for changes: for folders without file events (NFS, Docker Desktop)."
        ),
    ] = False
    vanished_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How long models go on answering whose files vanish all at once: more than "
            "half of the folder's models, and two or more. 0 ends them at once.",
        ),
    ] = 60
    settle_ms: Annotated[
        int,
        Field(
            ge=0, description="How long a file must have stayed unchanged before it is examined."
        ),
    ] = 200
    admission_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="How long the examination of one file may take."),
    ] = 30
    admission_memory_bytes: Annotated[
        int,
        Field(ge=256 * MIB, description="Address space that the examination of one file may take."),
    ] = 4096 * MIB
    max_model_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="The largest model file; 0: a quarter of the memory granted to the "
            "service, at most 2 GiB.",
        ),
    ] = 0
