"""The commands: ``inference serve``, ``check``, ``models``, ``predict`` and their siblings."""

from inference.cli.command import main

__all__ = ["main"]
