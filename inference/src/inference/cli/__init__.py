"""The commands: ``inference serve``, ``check``, ``models``, ``predict`` and others."""

from inference.cli.command import main

__all__ = ["main"]
