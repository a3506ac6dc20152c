"""Run `meli` as `python -m meli_tasks.cli`."""

from meli_tasks.cli.meli import main

main()
