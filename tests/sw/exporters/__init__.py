"""Tests of `sterna.exporters`."""
