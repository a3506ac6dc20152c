"""What the project is measured by: `make bench`, told in docs/benchmarks.md."""
