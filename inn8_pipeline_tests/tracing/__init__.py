"""Tests of inn8_pipeline.tracing."""
