"""Benchmarks: `.venv/bin/python -m benchmarks NAME --json [--n N]`. See docs/explanation/benchmarks.md."""
