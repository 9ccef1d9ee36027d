"""What happens in the repository; telemetry counts it."""

from __future__ import annotations


class Events:
    """Receives everything that happens; this one ignores it."""

    def examined(self, seconds: float, *, admitted: bool) -> None:
        """Note an examination, and how long it took."""

    def loaded(self, model: str, seconds: float) -> None:
        """Note that a version was loaded, and how long that took."""

    def swapped(self, model: str) -> None:
        """Note that a model answers with another version, or another content, than before."""

    def quarantined(self, model: str) -> None:
        """Note that a file was refused."""

    def chosen(self, choice: str) -> None:
        """Note that the operator has changed a choice, such as ``selection`` or ``pins``."""
