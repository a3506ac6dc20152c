"""Who may ask: API keys, compared in constant time."""

from __future__ import annotations

import hmac
import ipaddress
import re
from hashlib import sha256

from meli_tasks.core.errors import BadSettings
from meli_tasks.settings import Settings

SHORTEST_KEY = 16
_KEY = re.compile(r"[!-~]+")  # what fits into a header: printable ASCII without spaces
_BEARER = "bearer "


class Keys:
    """The keys that are accepted; anyone may ask if there are none."""

    def __init__(self, keys: frozenset[str]) -> None:
        # Digests have one length, so that comparing them says nothing about how long a key is.
        self._digests = tuple(_digest(key) for key in sorted(keys))

    @classmethod
    def of(cls, settings: Settings) -> Keys:
        """The keys in the settings and in the file that they name.

        Raises:
            BadSettings: the file cannot be read, a key cannot be used, or none is set although others can connect.
        """
        named = [("MELI_SERVING_KEYS", key.strip()) for key in settings.serving_keys.split(",") if key.strip()]
        if file := settings.serving_keys_file:
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise BadSettings(f"MELI_SERVING_KEYS_FILE={str(file)!r} cannot be read: {error}.") from None
            named += [(str(file), key.strip()) for key in lines if key.strip() and not key.startswith("#")]
            if not named:
                raise BadSettings(f"MELI_SERVING_KEYS_FILE={str(file)!r} holds no key. Write one per line.")
        for place, key in named:
            if len(key) < SHORTEST_KEY or not _KEY.fullmatch(key):
                raise BadSettings(
                    f"A key in {place} cannot be used: a key has at least {SHORTEST_KEY} characters, all of them "
                    "printable ASCII and none a space. `openssl rand -hex 24` makes one."
                )
        if not named and not is_loopback(settings.serving_host):
            raise BadSettings(
                f"MELI_SERVING_HOST={settings.serving_host!r} lets other machines connect, but there is no API key: "
                "set MELI_SERVING_KEYS or MELI_SERVING_KEYS_FILE, or listen on 127.0.0.1."
            )
        return cls(frozenset(key for _, key in named))

    @property
    def required(self) -> bool:
        """Whether a request needs a key."""
        return bool(self._digests)

    def accept(self, authorization: str) -> bool:
        """Whether the header `Authorization: Bearer KEY` has one of the keys, or none is required."""
        if not self._digests:
            return True
        if not authorization.lower().startswith(_BEARER):
            return False
        given = _digest(authorization[len(_BEARER) :].strip())
        # All of them, whichever matches: the time must not say which.
        return any([hmac.compare_digest(given, digest) for digest in self._digests])


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
