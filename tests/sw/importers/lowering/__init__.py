"""Tests of `sterna.importers`."""
