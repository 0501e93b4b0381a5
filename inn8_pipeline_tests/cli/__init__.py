"""Tests of the command `inn8`: usage errors in this process, everything else in a process of its own."""
