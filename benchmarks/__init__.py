"""Benchmarks of the steps: ``python -m benchmarks`` runs all of them; docs/performance.md explains its output."""
