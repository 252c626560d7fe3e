"""From an error of the library to a cause and a remedy, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

from ... import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    LimitError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerError,
    StreamLimitError,
    TransportError,
)
from ..._options import KEY_VARIABLE

__all__ = ["Finding", "judge"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What an error means."""

    cause: str
    remedy: str


_SLOTS = Finding(
    "stream_limit",
    "close other streams of this key (other programs, notebooks and machines count; "
    "a stream that died without goodbye holds its slot for a while), let feeds share "
    "one Client, or ask the vendor for more; a running stream keeps trying by itself",
)
_MEMORY = Finding(
    "memory_limit",
    "raise max_bytes or max_events (--max-bytes), or keep less: bookmaker_ids "
    "(--bookmaker), odd_ids, no alternative lines, a narrower feed",
)
_KEY = Finding(
    "key_refused",
    f"copy the key again from the vendor's dashboard into {KEY_VARIABLE}, without "
    "quotes or line end; a key that was renewed makes the old one invalid",
)
_PLAN = Finding(
    "plan_without_streaming",
    "streaming comes with AllStar and custom plans: upgrade, or use "
    'transport="poll" (--transport poll), which every plan serves',
)
_NOT_API = Finding(
    "not_the_api",
    "something else answers in the API's place: is the base URL right (it ends in "
    "/v2), does a proxy or captive portal ask for a login?",
)
_SERVER = Finding(
    "server_error",
    "the API itself fails for now: wait and try again; a running stream retries by "
    "itself. If it lasts, tell the vendor time and status",
)


def _limit(error: RateLimitError) -> Finding:
    if error.window == "month" or "month" in str(error).lower():
        return Finding(
            "month_exhausted",
            "the plan's month is used up: wait for the next, upgrade, or spend less: "
            "a longer poll_interval, fewer feeds, reconcile_interval",
        )
    return Finding(
        "rate_limited",
        "wait for the window to end; do other programs share the key? `sgostream "
        "usage` shows the windows; a running stream waits by itself",
    )


def judge(stage: str, error: BaseException) -> Finding:
    """What an error means in a stage of the way to live odds.

    Parameters
    ----------
    stage : str
        Name of the doctor's step.
    error : BaseException
    """
    for found in (_by_type(error), _by_stage(stage, error)):
        if found is not None:
            return found
    return Finding(f"{stage}_failed", "see the message; run again to see if it lasts")


def _by_type(error: BaseException) -> Finding | None:
    """Errors that mean the same wherever they come up."""
    if isinstance(error, StreamLimitError):
        return _SLOTS
    if isinstance(error, RateLimitError):
        return _limit(error)
    if isinstance(error, (LimitError, MemoryError)):
        return _MEMORY
    if isinstance(error, ConfigurationError) and "authorisation endp" in str(error):
        return Finding(
            "authorisation_host",
            "the API names another host to authorise channels, and the key goes "
            "nowhere unasked: allow_auth_hosts=[...] if you trust that host",
        )
    return None


def _by_stage(stage: str, error: BaseException) -> Finding | None:
    text = str(error)
    if stage in ("authorisation", "subscription"):
        return _of_channel(text, error)
    if stage == "socket" or (stage == "notification" and _is_socket(error)):
        return _of_socket(text, error)
    if stage in ("reconcile", "refetch", "notification") and isinstance(
        error, (ServerError, TransportError, TimeoutError, BadRequestError)
    ):
        return Finding(
            "refetch_failed" if stage != "reconcile" else "reconcile_failed",
            "/events fails while the stream works, so prices grow old: wait, it is "
            "retried; with 504 or 400 ask for less (bookmaker_ids, no alternative "
            "lines). If it lasts, tell the vendor",
        )
    if isinstance(error, AuthenticationError):
        return _KEY
    if isinstance(error, PermissionDeniedError):
        return _PLAN if stage == "plan" else Finding(
            "key_inactive", "the key is not active: renew it or ask the vendor"
        )  # fmt: skip
    if isinstance(error, NotFoundError):
        return Finding(
            "feed_unknown", "check the feed, the league or the event id that was asked"
        )
    if isinstance(error, BadRequestError):
        return Finding(
            "feed_refused", "the API refuses a parameter: its message says which"
        )
    if isinstance(error, ServerError):
        return _SERVER if (error.status or 0) >= 500 else _NOT_API
    if isinstance(error, ConfigurationError):
        return Finding("configuration", "correct the option that the message names")
    if isinstance(error, (TransportError, TimeoutError)):
        return Finding(
            "api_unreachable",
            "the connection works by itself but not this request: is it cut or slowed "
            "by a proxy or firewall? raise --timeout on a slow line",
        )
    return None


def _is_socket(error: BaseException) -> bool:
    return isinstance(error, ProtocolError) or "Pusher" in str(error)


def _of_socket(text: str, error: BaseException) -> Finding:
    code = getattr(error, "close_code", None)
    if code == 4001:
        return Finding(
            "app_key_refused",
            "Pusher does not know the app key that the API told: coordinates are "
            "fetched anew once by itself; if it lasts it is for the vendor to mend",
        )
    if code is not None and 4000 <= code < 5000:
        return Finding(
            "socket_closed",
            f"Pusher ends the connection with code {code}: the message says why; a "
            "running stream comes back by itself unless the code forbids it",
        )
    if "answered HTTP" in text:
        return Finding(
            "upgrade_refused",
            "the host answers but opens no WebSocket: a proxy or firewall that "
            "strips upgrades? allow wss to that host, or use --transport poll",
        )
    if "no host named" in text or "look" in text:
        return Finding(
            "socket_unknown_host",
            "the API's host resolves but the socket's does not: a DNS filter? allow "
            "the name in the message, or use --transport poll",
        )
    if "cannot be trusted" in text or "TLS" in text:
        return Finding(
            "socket_untrusted",
            "the socket's host shows another certificate than the API's: does a "
            "proxy inspect TLS? give its root by --ca-file",
        )
    if "time allowed" in text or "ping" in text:
        return Finding(
            "socket_silent",
            "the socket's host takes the connection and says nothing: a firewall or "
            "proxy that holds WebSockets; use --transport poll meanwhile",
        )
    return Finding(
        "socket_unreachable",
        "the API is reachable but the socket's host, named in the message, is not: "
        "let the firewall allow wss to it, or use --transport poll",
    )


def _of_channel(text: str, error: BaseException) -> Finding:
    if isinstance(error, ProtocolError) and error.close_code is not None:
        if not text.startswith(("authorisation", "subscription")):
            return _of_socket(text, error)
    if text.startswith("subscription"):
        if "no answer" in text:
            return Finding("subscription_unanswered", _UNANSWERED)
        return Finding(
            "subscription_refused",
            "Pusher refuses the channel although the API authorised it: tried again "
            "by itself; if it lasts, the vendor's signature or clock is wrong",
        )
    if "no answer" in text:
        return UNANSWERED["authorisation"]
    if isinstance(error, (AuthenticationError, PermissionDeniedError)):
        return Finding(
            "authorisation_refused",
            "the key may fetch but not subscribe: does the plan stream? ask the "
            "vendor with the message above",
        )
    if text.startswith("authorisation"):
        return Finding(
            "authorisation_failed",
            "the authorisation endpoint fails for now: it is retried by itself; if "
            "it lasts, tell the vendor",
        )
    return _of_socket(text, error)


_UNANSWERED = (
    "Pusher takes the subscription and does not answer: it is tried again on a new "
    "connection; if it lasts, does a proxy hold messages back?"
)
UNANSWERED = {
    "socket": Finding(
        "socket_silent",
        "a firewall or proxy that holds WebSockets? use --transport poll meanwhile",
    ),
    "authorisation": Finding(
        "authorisation_unanswered",
        "the authorisation endpoint gives no answer: it is retried by itself",
    ),
    "subscription": Finding("subscription_unanswered", _UNANSWERED),
    "bootstrap": Finding(
        "api_unreachable",
        "the API does not answer in time: raise --patience on a slow line; a large "
        "feed's snapshot can be hundreds of MB: try --upcoming or --event",
    ),
    "reconcile": Finding(
        "reconcile_failed", "the list comes slowly: raise --patience, keep less"
    ),
}
