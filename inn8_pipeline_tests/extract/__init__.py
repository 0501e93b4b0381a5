"""Tests of `inn8_pipeline.extract`: against real sockets, whose other end each test scripts byte by byte."""
