"""`python -m meli_tasks.cli` is `meli`."""

from meli_tasks.cli.meli import main

main()
