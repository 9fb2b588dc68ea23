"""Tests of `sterna.source`."""
