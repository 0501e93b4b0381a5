"""Trace syncs: spans for OpenTelemetry where an exporter is configured, and nothing at all where none is.

`span` is what the traced code sees, and `stopwatch` measures work that is done bit by bit. `exporting` decides whether
spans are exported, and waits for them. Only `otlp` imports OpenTelemetry, and only a process that exports imports it.
"""
