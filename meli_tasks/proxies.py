"""Proxies and this machine's own addresses, which no proxy can reach.

HTTP_PROXY and HTTPS_PROXY apply to every address that NO_PROXY does not name. Our own requests leave this machine's
addresses out by themselves (`http.py`, `store/s3.py`). Other programs and libraries, such as MLflow's client and
server, read NO_PROXY, so it has to name them.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

OWN_ADDRESSES = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
"""Each library understands some of these spellings: urllib and botocore no networks, for instance."""
NAMES = ("no_proxy", "NO_PROXY")
"""The lower-case name counts where both are set, as in curl, urllib and requests."""


def no_proxy() -> str:
    """The value of NO_PROXY that keeps what it names in the environment, and adds this machine."""
    named = next(filter(None, map(os.environ.get, NAMES)), "")
    if named.strip() == "*":
        return named
    present = [name.strip() for name in named.split(",") if name.strip()]
    return ",".join([*present, *(address for address in OWN_ADDRESSES if address not in present)])


def no_proxy_variables() -> dict[str, str]:
    """The variables for a process that talks to servers on this machine."""
    return dict.fromkeys(NAMES, no_proxy())


def bypass_for_this_machine(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have libraries in this process, which read the environment, reach this machine's servers without a proxy."""
    environment.update(no_proxy_variables())
