"""The exceptions of sgostream.

::

    SgoError
    ├── AuthenticationError     401: the key is missing or unknown
    ├── PermissionDeniedError   403: the plan does not include this
    ├── StreamLimitError        no free stream slot (403/429, close code 4004)
    ├── RateLimitError          429: a window of the plan is used up
    ├── BadRequestError         400, 413, 414, 422 and other 4xx
    ├── NotFoundError           404: unknown event, league or path
    ├── ServerError             5xx, or an answer that is not the API's JSON
    ├── TransportError          DNS, TCP, TLS, proxy, time-outs of the network
    ├── ProtocolError           Pusher or JSON rules broken by the other side
    ├── StaleDataError          data older than a subscription's ``max_age``
    ├── SlowConsumerError       a queue without conflation overflowed
    ├── LimitError              one of our own maxima was reached
    ├── ConfigurationError      an option or environment variable is unusable
    ├── ClosedError             used after ``close()``
    └── ForkedError             used in a child of ``fork()``

Misuse of the Python interface is ``TypeError`` or ``ValueError`` as anywhere
else, a wait that ran out of time is ``TimeoutError``.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "ClosedError",
    "ConfigurationError",
    "ForkedError",
    "LimitError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitError",
    "ServerError",
    "SgoError",
    "SlowConsumerError",
    "StaleDataError",
    "StreamLimitError",
    "TransportError",
]


class SgoError(Exception):
    """Base class of everything that sgostream raises by itself.

    Parameters
    ----------
    message : str
        What happened, the value concerned, and what would help.
    status : int, optional
        The HTTP status behind it, if there is one.
    close_code : int, optional
        The WebSocket close code behind it, if there is one.
    retryable : bool, default False
        True when waiting may mend it.  A running stream retries such errors
        by itself; they reach ``on_error`` and the log, not the loop.
    """

    #: The HTTP status, or None.
    status: int | None
    #: The WebSocket close code, or None.
    close_code: int | None
    #: True when waiting may mend it.
    retryable: bool

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        close_code: int | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.close_code = close_code
        self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), self.args, self.__dict__)


class AuthenticationError(SgoError):
    """The API answered 401: no key, or a key that it does not know."""


class PermissionDeniedError(SgoError):
    """The API answered 403: the key is inactive or its plan lacks the feature.

    Streaming comes with AllStar and custom plans only.
    """


class StreamLimitError(SgoError):
    """The key's concurrent streams, or the server's connections, are used up."""


class RateLimitError(SgoError):
    """The API answered 429, or a window of the plan is known to be used up."""

    #: Seconds that the server asked us to wait, or None.
    retry_after: float | None
    #: Which window is used up ("minute", "month", ...), or None if unknown.
    window: str | None

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        close_code: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        window: str | None = None,
    ) -> None:
        super().__init__(
            message, status=status, close_code=close_code, retryable=retryable
        )
        self.retry_after = retry_after
        self.window = window


class BadRequestError(SgoError):
    """The API refused a parameter (400, 413, 414, 422 or another 4xx)."""


class NotFoundError(SgoError):
    """The API answered 404, or no longer knows the event."""


class ServerError(SgoError):
    """The API failed (5xx), or answered with something that is not its JSON."""


class TransportError(SgoError):
    """The network failed: name resolution, TCP, TLS, a proxy, or a time-out."""


class ProtocolError(SgoError):
    """The server broke the rules of the Pusher protocol or of JSON."""


class StaleDataError(SgoError):
    """Data of a subscription is older than its ``max_age``."""


class SlowConsumerError(SgoError):
    """A subscription with ``conflate=False`` overflowed its ``max_queue``.

    Raised once; the next take goes on with the newest version of each event.
    """


class LimitError(SgoError):
    """One of our own maxima was reached; the message names limit and option."""


class ConfigurationError(SgoError):
    """An option or an environment variable cannot be used."""


class ClosedError(SgoError):
    """A client, stream or subscription was used after ``close()``."""


class ForkedError(SgoError):
    """Used in a child process made by ``fork()``.

    A client belongs to the process that made it: make a new one in the child.
    Events that were already delivered stay readable.
    """


_BY_KIND: Final[dict[str, type[SgoError]]] = {
    "authentication": AuthenticationError,
    "permission_denied": PermissionDeniedError,
    "stream_limit": StreamLimitError,
    "rate_limit": RateLimitError,
    "bad_request": BadRequestError,
    "not_found": NotFoundError,
    "server": ServerError,
    "transport": TransportError,
    "protocol": ProtocolError,
    "stale_data": StaleDataError,
    "slow_consumer": SlowConsumerError,
    "limit": LimitError,
    "configuration": ConfigurationError,
    "closed": ClosedError,
    "forked": ForkedError,
}


def _make_error(
    kind: str,
    text: str,
    http_status: int | None,
    close_code: int | None,
    retryable: bool,
    retry_after: float | None,
    window: str | None,
) -> Exception:
    """Make the exception for an error record of the core."""
    if kind == "memory":
        return MemoryError(text)
    cls = _BY_KIND.get(kind, SgoError)
    if cls is RateLimitError:
        return RateLimitError(
            text,
            status=http_status,
            close_code=close_code,
            retryable=retryable,
            retry_after=retry_after,
            window=window,
        )
    return cls(text, status=http_status, close_code=close_code, retryable=retryable)
