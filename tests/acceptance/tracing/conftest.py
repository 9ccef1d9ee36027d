"""Services that send their traces to a collector of the test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support.monitoring.otlp_receiver import OtlpReceiver
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def collector() -> Iterator[OtlpReceiver]:
    """Start a collector."""
    with OtlpReceiver() as started:
        yield started


@pytest.fixture
def make_traced(
    collector: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Service]]:
    """Make services that trace; arguments in upper case are OpenTelemetry's variables."""
    with contextlib.ExitStack() as stack:

        def make(**given: object) -> Service:
            variables = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
                "OTEL_BSP_SCHEDULE_DELAY": 50,
            }
            variables |= {name: value for name, value in given.items() if name.isupper()}
            for name, value in variables.items():
                monkeypatch.setenv(name, str(value))
            settings = {name: value for name, value in given.items() if not name.isupper()}
            return stack.enter_context(Service(tmp_path, tracing=True, **settings))

        yield make
