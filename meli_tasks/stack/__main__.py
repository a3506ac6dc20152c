"""`python -m meli_tasks.stack demo|stop|status`."""

import sys

from meli_tasks.stack.demo import main

sys.exit(main(sys.argv[1:]))
