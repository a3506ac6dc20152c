"""Names for what a process leaves when it is killed, by which others can tell that it has ended."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Where this process runs, its id and its start: letters, digits and hyphens, as the beginning of a name."""
    return f"{_where()}-{os.getpid()}-{_start_of(os.getpid())}"


def has_ended(name: str) -> bool:
    """Whether the process that a name begins with has ended; False if that cannot be known."""
    where, process, started, *_ = (*name.split("-"), "", "", "")
    known = where == _where() and process.isdecimal() and started.isdecimal()
    return known and _start_of(process) != started


@cache
def this_boot() -> str:
    """What identifies this start of this machine, and no other machine; empty if the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@cache
def _where() -> str:
    """What all processes share that this one can see: the machine, the namespace of process ids, the user."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace} {os.getuid()}".encode()).hexdigest()[:8]


def _start_of(process: int | str) -> str:
    """When a process was started, in ticks since the machine was, which no clock changes; empty if it has ended."""
    try:
        return (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
        )
    except (OSError, IndexError):
        return ""
