"""How fast the steps are: ``python -m benchmarks`` runs all of them; docs/performance.md explains what it prints."""
