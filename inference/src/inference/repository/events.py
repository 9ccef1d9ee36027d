"""What happens in the repository; telemetry counts it."""

from __future__ import annotations


class Events:
    """Receives everything that happens; this one ignores it."""

    def examined(self, seconds: float, *, admitted: bool) -> None:
        """Note an examination, and how long it took."""

    def loaded(self, model: str, seconds: float) -> None:
        """Note that a version was loaded, and how long that took."""

    def swapped(self, model: str, *, at_start: bool) -> None:
        """Note that a model answers with another version, or another content, than before.

        Args:
            model: Its name.
            at_start: Whether the file was there when this process began to watch the folder.
        """

    def quarantined(self, model: str, *, at_start: bool) -> None:
        """Note that a file was refused; see :meth:`swapped`."""

    def chosen(self, choice: str) -> None:
        """Note that the operator has changed a choice, such as ``selection`` or ``pins``."""
