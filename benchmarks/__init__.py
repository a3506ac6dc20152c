"""The project's benchmarks, run by `make bench` and described in docs/benchmarks.md."""
