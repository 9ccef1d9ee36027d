"""Settings of the models folder: its path, scans, and limits on the examination of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from inference.settings.declaration import Check, Declared, Field
from inference.settings.model_name import explain_name, is_name
from inference.settings.units import MIB


def _check_name(name: str | None) -> str | None:
    if name is not None and not is_name(name):
        raise ValueError(explain_name(name))
    return name


class Folder(Declared):
    """Models, versions and examinations."""

    models_dir: Annotated[
        Path, Field(description="The models folder. The service reads it and never writes to it.")
    ] = Path("models")
    model_name: Annotated[
        str | None,
        Check(_check_name),
        Field(
            description="If set, the models folder is one model with this name: `model.onnx`, a "
            "single file `*.onnx`, or `VERSION/model.onnx`. It is selected, and the service is "
            "ready while it answers."
        ),
    ] = None
    state_dir: Annotated[
        Path,
        Field(
            description="The folder that stores selection, pins, traffic and unloaded models. "
            "It is created if it does not exist."
        ),
    ] = Path(".state")
    keep_versions: Annotated[
        int,
        Field(
            ge=1,
            description="How many versions of each model stay loaded, highest first. A pinned "
            "version stays loaded in addition.",
        ),
    ] = 2
    rescan_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=86_400,
            description="The interval of folder scans without a file event.",
        ),
    ] = 5
    force_polling: Annotated[
        bool,
        Field(
            description="Poll the folder for changes, for file systems without file events "
            "(NFS, Docker Desktop)."
        ),
    ] = False
    vanished_seconds: Annotated[
        float,
        Field(
            ge=0,
            le=86_400,
            description="How long models keep answering after their files disappear all at "
            "once: more than half of the models in the folder, and at least two, or the model "
            "of INFERENCE_MODEL_NAME. 0 removes them immediately.",
        ),
    ] = 60
    settle_ms: Annotated[
        int,
        Field(ge=0, description="How long a file must be unchanged before it is examined."),
    ] = 200
    admission_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=86_400, description="Time limit for the examination of one file."),
    ] = 30
    admission_memory_bytes: Annotated[
        int,
        Field(
            ge=256 * MIB, description="Limit on the address space of the examination of one file."
        ),
    ] = 4096 * MIB
    max_model_bytes: Annotated[
        int,
        Field(
            ge=0,
            description="Maximum size of a model file. 0 means a quarter of the memory that "
            "the service may use, at most 2 GiB.",
        ),
    ] = 0
