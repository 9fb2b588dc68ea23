"""The performance record: `sterna bench` and the page ``docs/benchmarks.md``."""
