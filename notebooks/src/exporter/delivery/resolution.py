"""From the argument ``models_dir`` to the folder or bucket that it names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.delivery.destination import FolderDestination
from exporter.errors import OptionError
from exporter.settings import resolve_models_dir
from inference.settings.storage import check_url, is_store_url, local_path, shown_url

if TYPE_CHECKING:
    import os

    from exporter.delivery.destination import Destination


def resolve_destination(models_dir: str | os.PathLike[str] | None) -> Destination:
    """Find the models folder or bucket: the argument, ``EXPORTER_MODELS_DIR``, or ``models``.

    Raises:
        OptionError: It is the URL of a store that cannot be written, or the extra is missing.
    """
    chosen = resolve_models_dir(models_dir)
    if not (isinstance(chosen, str) and is_store_url(chosen)):
        return FolderDestination(Path(chosen).expanduser())
    try:
        url = check_url(chosen)
    except ValueError as error:
        raise OptionError(f"models_dir: {error}") from None
    folder = local_path(url)
    if folder is not None:
        return FolderDestination(folder)
    if url.startswith("http"):
        raise OptionError(
            f"models_dir={shown_url(url)!r} cannot be written: publish to s3://, gs://, az:// or a "
            "folder"
        )
    if find_spec("obstore") is None:
        raise OptionError(
            f"models_dir={shown_url(url)!r} requires the extra notebooks[storage]: install it"
        )
    from exporter.delivery.bucket import BucketDestination  # noqa: PLC0415 - needs the extra

    return BucketDestination(url)
