"""Removal of old versions that the service does not need.

Only the service has the list of pinned, selected and loaded versions, so the exporter requests it.
If the service does not answer or serves another folder, nothing is removed: an extra version costs
disk space, a missing one costs a rollback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.errors import ServiceError

if TYPE_CHECKING:
    from exporter.delivery.client import ServiceClient
    from exporter.delivery.destination import Destination

_REMOVABLE = ("unloaded", "quarantined")


class NotPrunedError(Exception):
    """Nothing was removed; the message says why. Internal to publish()."""


def prune(destination: Destination, name: str, keep: int, service: ServiceClient) -> list[int]:
    """Remove a model's versions beyond the newest ``keep``, except those that the service needs.

    Args:
        destination: The models folder or bucket.
        name: The model's name.
        keep: The number of newest versions that always stay.
        service: The service that serves the folder.

    Returns:
        The versions that were removed.

    Raises:
        NotPrunedError: The service does not state which versions it needs, or the folder cannot be
            written.
    """
    old = destination.versions(name)[keep:]
    if not old:
        return []
    removable = _removable_versions(destination, name, service)
    gone = [version for version in old if version in removable]
    for version in gone:
        try:
            destination.remove(name, version)
        except OSError as error:
            raise NotPrunedError(f"version {version} stays: {error.strerror}") from None
    return gone


def _removable_versions(destination: Destination, name: str, service: ServiceClient) -> set[int]:
    """Return the versions that the service does not need."""
    try:
        model = service.model(name)
        selected = service.selection()
    except ServiceError as error:
        raise NotPrunedError(f"{error}; only the service can say which are needed") from None
    try:
        if not any(_is_here(destination, name, one) for one in model["versions"]):
            raise NotPrunedError(
                f"the service at {service.url} serves no version of {name} from "
                f"{destination.describe()}, so it is not known which ones are needed"
            )
        needed = {model["pinned_version"], *model["loaded_versions"]}
        if selected and selected["model"] == name:
            needed.add(selected["version"])
        return {one["version"] for one in model["versions"] if one["state"] in _REMOVABLE} - needed
    except (KeyError, TypeError):
        raise NotPrunedError(f"the server at {service.url} is not Rookery") from None


def _is_here(destination: Destination, name: str, version: dict[str, Any]) -> bool:
    """Return whether a version loaded by the service is the file in this folder."""
    if version["state"] != "ready" or not version["digest"]:
        return False
    return destination.digest(name, int(version["version"])) == str(version["digest"])
