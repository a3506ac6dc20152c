"""Which addresses users may name, for sources and for the results of a batch: those that begin as MELI_SOURCES says.

A prefix with a host allows that host wherever it is. A prefix without one (`https://`) stands for every host on the
internet, but never for this machine, a private network, or a link-local address such as a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from meli_tasks.core.errors import BadData
from meli_tasks.redaction import without_secrets

ANY = "any"
IN_AIRFLOW = "s3:// https://"
"""What the tasks of Airflow may use unless MELI_SOURCES is set."""
_SCHEMES = ("s3", "https", "http", "file")
_PORTS = {"http": 80, "https": 443}
# Their files belong to the kernel: reading one may never end, or shows what this process may see.
_OF_THE_KERNEL = ("/proc", "/sys")
_FIXED = re.compile(r"[^*?\[]*[*?\[]?")
_STRIPPED = re.compile(r"[\t\r\n]")
_DOTS = re.compile(r"(^|[/\\])\.\.?([/\\;]|$)")
# Public by its number, but inside Azure it leads to the platform's own servers.
_AZURE_PLATFORM = ipaddress.ip_address("168.63.129.16")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 4291: all that is assigned on the internet is in here. What is not, Python calls global unless it knows better.
_ASSIGNED_IPV6 = ipaddress.ip_network("2000::/3")
# RFC 6890: for protocols between neighbours; a cloud has its metadata service in it.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")


class NotAllowed(BadData):
    """An address that MELI_SOURCES does not allow."""


@dataclass(frozen=True)
class _Address:
    """An address, or the beginning of some; `host` of a bucket is its name."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> _Address:
        """Read an address or a path; ValueError if it is neither."""
        if text.startswith("/"):
            return cls("file", "", None, text)
        if _STRIPPED.search(text):  # by urlsplit, so that others would read another address
            raise ValueError("an address has no tabs or line breaks")
        parts = urlsplit(text, allow_fragments=False)
        if parts.scheme == "s3":
            return cls("s3", parts.netloc, None, text.partition("://")[2][len(parts.netloc) :])
        if parts.scheme == "file":
            return cls("file", "", None, parts.path)
        return cls(parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme), parts.path)

    def begins(self, other: _Address) -> bool:
        """Whether another address begins with this one; a path only at the end of a name in it."""
        if other.scheme != self.scheme or (self.host and (other.host, other.port) != (self.host, self.port)):
            return False
        folder = self.path.rstrip("/")
        return other.path in {self.path, folder} or other.path.startswith(f"{folder}/")


@dataclass(frozen=True)
class AllowedAddresses:
    """The prefixes of MELI_SOURCES; without any, every address is allowed."""

    prefixes: tuple[_Address, ...] = ()
    written: str = ANY

    @classmethod
    def parse(cls, text: str) -> AllowedAddresses:
        """Read prefixes that are separated by spaces or commas.

        Raises:
            ValueError: one of them is none.
        """
        words = [word for word in re.split(r"[\s,]+", text) if word]
        if not words or ANY in words:
            return cls()
        return cls(tuple(map(_prefix, words)), " ".join(words))

    def check(self, address: str) -> None:
        """Refuse an address of the web or of a bucket, in which a wildcard ends what counts.

        Raises:
            NotAllowed: no prefix allows it, or it is no address.
        """
        try:
            found = _Address.parse(address)
        except ValueError:
            scheme = address.partition("://")[0]
            raise NotAllowed(
                f"The address {scheme}://... has a tab or a line break, or a host or a port that cannot be read."
            ) from None
        if found.scheme == "file":
            self.check_file(Path(unquote(found.path)))
            return
        if found.scheme == "s3":
            # With the wildcard, as `a*` is more than `a`.
            found = _Address("s3", found.host, None, _FIXED.match(found.path)[0])  # type: ignore[index]
        # A server decides where dots lead, how often it decodes them, and what it leaves out behind a semicolon.
        dots = found.scheme in _PORTS and _DOTS.search(_decoded(found.path)) is not None
        if self.prefixes and (dots or not any(prefix.begins(found) for prefix in self.prefixes)):
            raise self._not_allowed(without_secrets(address) if found.scheme in _PORTS else address)

    def check_file(self, path: Path) -> None:
        """Refuse a file or folder of this machine, by where its links lead.

        Raises:
            NotAllowed: no prefix allows it, or it is not on a disk.
        """
        real = os.path.realpath(path)
        if any(real == folder or real.startswith(f"{folder}/") for folder in _OF_THE_KERNEL):
            raise NotAllowed(f"{path} belongs to the kernel and is no file of a disk. Copy what you need to a file.")
        found = _Address("file", "", None, real)
        if self.prefixes and not any(prefix.begins(found) for prefix in self.prefixes):
            raise self._not_allowed(str(path))

    def check_peer(self, host: str, port: int, address: str) -> None:
        """Refuse the IP address that a host's name leads to, unless a prefix names this host or it is on the internet.

        Raises:
            NotAllowed: it is the address of this machine or of a private network.
        """
        named = ((prefix.host, prefix.port) for prefix in self.prefixes if prefix.scheme in _PORTS and prefix.host)
        if not self.prefixes or (host.lower().rstrip("."), port) in named or is_on_the_internet(address):
            return
        raise NotAllowed(
            f"{host} leads to an address of this machine or of a private network, which MELI_SOURCES "
            f"({self.written}) does not allow. It would need a prefix with this host."
        )

    def _not_allowed(self, shown: str) -> NotAllowed:
        return NotAllowed(
            f"{shown} may not be used here: MELI_SOURCES allows what begins with {self.written}. Copy the files to "
            "such a place, or ask an administrator to add a prefix."
        )


def is_on_the_internet(address: str) -> bool:
    """Whether an IP address is public, and so are the IPv4 addresses that it may contain."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in _NAT64:
            inner.append(ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF))
        if any(each is not None and not is_on_the_internet(str(each)) for each in inner):
            return False
        if found.ipv4_mapped or found in _NAT64:
            return True
        if found not in _ASSIGNED_IPV6:
            return False
    return found.is_global and not found.is_multicast and found != _AZURE_PLATFORM and found not in _PROTOCOLS


def _decoded(path: str) -> str:
    """A path without any percent-encoding, also of a percent sign."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return path


def _prefix(text: str) -> _Address:
    try:
        found = _Address.parse(text)
    except ValueError:
        raise ValueError("a prefix has a host or a port that cannot be read") from None
    if found.scheme not in _SCHEMES or not (text.startswith("/") or f"{found.scheme}://" in text.lower()):
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ValueError(f"{text.partition('@')[0]!r} must begin with /, {known}, or be {ANY!r}")
    if "@" in text or "?" in text:
        raise ValueError("a prefix must have no user, password or query")
    if not found.host and found.scheme != "file" and found.path.strip("/"):
        raise ValueError(f"{text!r} has a path but no host")
    if found.scheme == "file":
        return _Address("file", "", None, os.path.realpath(unquote(found.path) or "/"))
    return found
