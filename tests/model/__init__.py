"""Tests of the reference model: plain Python, no chain."""
