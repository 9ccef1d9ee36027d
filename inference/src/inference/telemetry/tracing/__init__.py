"""Distributed tracing: one span for each request, with its phases, sent to a collector by OTLP.

Off by default (``INFERENCE_TRACING``); while it is off, nothing here is imported by the fast path.
The extra ``inference[tracing]`` has OpenTelemetry's SDK and its exporter, which only
:mod:`inference.telemetry.tracing.spans` and :mod:`inference.telemetry.tracing.collector` import.
"""
