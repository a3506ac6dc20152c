"""HTTP for every request to a server: time-outs, proxies, TLS, retries, and addresses without their secrets.

Every other module leaves the HTTP libraries alone; an import contract enforces it. requests is imported by the first
request, since it takes 0.1 CPU-s that `meli --help` need not pay.

- Proxies come from HTTP_PROXY, HTTPS_PROXY and NO_PROXY, but never for an address of this machine.
- Certificates are checked against requests' bundle, or REQUESTS_CA_BUNDLE.
- An error is one of ours, and neither it nor a log line has a password or a signed query in it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from typing_extensions import override

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.http_guard import Deadline, Guard, guarded_session
from meli_tasks.proxies import no_proxy
from meli_tasks.redaction import hide_addresses_in_logs, redact, without_secrets
from meli_tasks.wording import duration

if TYPE_CHECKING:
    import requests
    from urllib3 import Retry

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
BUSY = (429, 502, 503, 504)
"""The statuses of a server, or of a gateway before it, that may answer a little later."""
REFUSED = (429, 503)
"""Those of them that say that the request was not handled; a gateway's 502 or 504 may come after it was."""
PIECE_BYTES = 1 << 20
MOST_REDIRECTS = 10


class BadAddress(BadSettings):
    """An address that no request can be sent to."""


class NoAnswer(Unreachable):
    """The server did not answer, or broke off.

    Args:
        message: For a person: the place and the reason.
        reason: The reason alone.
        sent: Whether the request may have reached the server.
    """

    def __init__(self, message: str, reason: str, *, sent: bool) -> None:
        super().__init__(message)
        self.reason = reason
        self.sent = sent


class BadStatus(Rejected):
    """An answer that is not a success, whose `status` decides what to advise."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Retries:
    """How often a request is sent again: `again` times after `seconds`, if no connection was made or it is busy.

    A request that changes something, as a POST does, is never repeated if it may have been handled.
    """

    again: int
    seconds: float


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    reason: str
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def is_redirect(self) -> bool:
        """Whether it points elsewhere."""
        return 300 <= self.status < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON, None if it is empty; ValueError if it is something else."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Stream:
    """An answer whose body comes in pieces."""

    status: int
    reason: str
    headers: Mapping[str, str]
    pieces: Iterator[bytes]


@dataclass(frozen=True)
class Client:
    """A pool of connections with the settings for one kind of request.

    Args:
        connect_seconds: To connect, and for the TLS handshake.
        read_seconds: Between two pieces of the answer.
        sign_in: User and password, if the server requires them.
        token: Bearer token, instead of them.
        verify: Whether certificates are checked, or a file of authorities to check them against.
        retries: When a request is sent again; None for never.
        guard: What is checked of an address that a user chose. Such a client is for a single request.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    sign_in: tuple[str, str] | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)
    verify: bool | str = True
    retries: Retries | None = None
    guard: Guard | None = field(default=None, repr=False)
    _sessions: list[requests.Session] = field(default_factory=list, repr=False, compare=False)
    _deadlines: list[Deadline] = field(default_factory=list, repr=False, compare=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open for a next request."""
        while self._sessions:
            self._sessions.pop().close()
        while self._deadlines:
            self._deadlines.pop().close()

    def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        redirects: bool = True,
    ) -> Answer:
        """Send a request and read the whole answer, whatever its status.

        Args:
            method: GET, POST, ...
            url: The address.
            query: Added to the address.
            body: Sent as JSON.
            data: Sent as it is.
            headers: Added to the request.
            seconds: For the answer, instead of `read_seconds`.
            redirects: Whether a redirect is followed. It turns a POST into a GET that looks like a success.

        Raises:
            NoAnswer: no whole answer came.
            BadAddress: the address cannot be understood.
        """
        with self._open(
            method, url, params=query, json=body, data=data, headers=headers, seconds=seconds, redirects=redirects
        ) as answer:
            return Answer(answer.status_code, answer.reason or "", answer.content)

    def json(self, url: str, body: Any = None) -> Any:
        """GET JSON, or POST `body` and get some; a text that is not JSON comes as it is.

        Raises:
            BadStatus: 400 or more.
            NoAnswer: no whole answer came.
        """
        answer = self.request("GET" if body is None else "POST", url, body=body)
        if answer.status >= 400:
            raise BadStatus(f"{without_secrets(url)} answered {answer.status} {answer.reason}", answer.status)
        try:
            return answer.json()
        except ValueError:
            return answer.text

    @contextmanager
    def stream(self, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """GET an address and leave its body to be read in pieces; errors as in `request`, from reading as well.

        The pieces are what was sent, whatever the Content-Encoding, and bodies of redirects are not read: undoing
        either could take any amount of memory.

        Raises:
            Rejected: there are too many redirects, or it takes longer than the guard allows.
        """
        for _ in range(MOST_REDIRECTS + 1):
            with self._open("GET", url, redirects=False, headers=headers, stream=True) as answer:
                target = self._session().get_redirect_target(answer)
                if not target:
                    answer.raw.headers.pop("Content-Encoding", None)
                    pieces = self._in_time(url, answer.iter_content(PIECE_BYTES))
                    yield Stream(answer.status_code, answer.reason or "", answer.headers, pieces)
                    return
            url = urljoin(url, target)
        raise Rejected(f"{without_secrets(url)} is behind more than {MOST_REDIRECTS} redirects.")

    def _in_time(self, url: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces; an answer that was ended because the time is up may look complete."""
        yield from pieces
        self._check_time(url)

    def _check_time(self, url: str) -> None:
        if self.guard and any(deadline.passed for deadline in self._deadlines):
            raise Rejected(self.guard.too_slow.format(place=without_secrets(url)))

    @contextmanager
    def _open(
        self, method: str, url: str, *, seconds: float | None = None, redirects: bool = True, **options: Any
    ) -> Iterator[requests.Response]:
        import requests

        timeout = (self.connect_seconds, self.read_seconds if seconds is None else seconds)
        try:
            with self._session().request(
                method, url, timeout=timeout, allow_redirects=redirects, proxies={"no_proxy": no_proxy()}, **options
            ) as answer:
                yield answer
                self._check_time(url)
        except (
            requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema,
        ) as error:  # fmt: skip
            raise BadAddress(f"{without_secrets(url)} is not an address: {redact(str(error))}") from None
        except requests.RequestException as error:
            self._check_time(url)
            reason, sent = _reason(error, timeout)
            raise NoAnswer(f"{without_secrets(url)} does not answer: {reason}", reason, sent=sent) from None

    def _session(self) -> requests.Session:
        if not self._sessions:
            import requests
            from requests.adapters import HTTPAdapter

            hide_addresses_in_logs()
            retry = _urllib3_retry(self.retries)
            if self.guard:
                self._deadlines.append(Deadline(self.guard.seconds))
                session = guarded_session(self.guard, self._deadlines[-1], retry)
            else:
                session = requests.Session()
                for scheme in ("http://", "https://"):
                    session.mount(scheme, HTTPAdapter(max_retries=retry))
            session.verify = self.verify
            session.auth = _bearer(self.token) if self.token else self.sign_in
            self._sessions.append(session)
        return self._sessions[0]


def _bearer(token: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Sign a request with a token. In a header of the session, a password in the address or in .netrc replaces it."""

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def transport_errors() -> tuple[type[Exception], ...]:
    """The errors of the HTTP library below requests and boto3, for an `except` clause."""
    from urllib3.exceptions import HTTPError

    return (HTTPError,)


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine, which no proxy can know."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK or host.endswith(".localhost")


def proxy_of(url: str) -> str:
    """The proxy that requests to this address go through; empty for none."""
    from requests.utils import get_environ_proxies, select_proxy

    return select_proxy(url, get_environ_proxies(url, no_proxy=no_proxy())) or ""


def _urllib3_retry(retries: Retries | None) -> Retry:
    from urllib3 import Retry

    class Evenly(Retry):
        """Waits before each further try, which urllib3's own does not before the first, and repeats no POST lightly."""

        @override
        def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
            repeatable = method.upper() in self.DEFAULT_ALLOWED_METHODS
            return status_code in (BUSY if repeatable else REFUSED)

        @override
        def get_backoff_time(self) -> float:
            return float(self.backoff_factor) if self.history else 0.0

    if retries is None:
        return Retry(0, read=False)
    return Evenly(
        total=retries.again,
        connect=retries.again,
        read=0,
        other=0,
        status=retries.again,
        redirect=None,
        status_forcelist=BUSY,
        allowed_methods=None,
        backoff_factor=retries.seconds,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may ask for an hour, and a task has a better way to wait that long
    )


def _reason(error: requests.RequestException, timeout: tuple[float, float]) -> tuple[str, bool]:
    """The innermost reason, in the system's words where it has some; and whether the request may have arrived."""
    import requests
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {duration(timeout[0])}", False
    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {duration(timeout[1])}", True
    inner: BaseException = error
    sent = not isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError)
    while True:
        wrapped = getattr(inner, "reason", None), *reversed(inner.args), inner.__cause__, inner.__context__
        deeper = next((each for each in wrapped if isinstance(each, BaseException)), None)
        sent = sent and not isinstance(inner, NewConnectionError | NameResolutionError)
        if deeper is None:
            break
        inner = deeper
    words = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner) or type(inner).__name__
    return redact(words), sent
