"""Validation of arguments: one place, clear texts that name value and remedy."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypedDict

from . import _core
from ._errors import ConfigurationError

__all__ = ["KEY_VARIABLE", "URL_VARIABLE", "ClientOptions", "SubscriptionOptions"]

#: Environment variable of the vendor's SDKs for the key.
KEY_VARIABLE: Final = "SPORTS_ODDS_API_KEY_HEADER"
#: Environment variable of the vendor's SDKs for the base URL.
URL_VARIABLE: Final = "SPORTS_GAME_ODDS_BASE_URL"

Transport = Literal["auto", "websocket", "poll"]
OnStale = Literal["raise", "mark"]

_TRANSPORTS: Final = ("auto", "websocket", "poll")


class ClientOptions(TypedDict, total=False):
    """Keyword options of :class:`sgostream.Client`, as ``stream()`` passes them on."""

    api_key: str | None
    base_url: str | None
    bookmaker_ids: Iterable[str] | None
    odd_ids: Iterable[str] | None
    include_alt_lines: bool
    include_opposing_odds: bool
    include_open_close_odds: bool
    expand_results: bool
    transport: Transport
    timeout: float
    reconcile_interval: float
    linger: float
    poll_interval: float
    max_events: int
    max_bytes: int
    max_requests_in_flight: int
    proxy: str | None
    ca_file: str | os.PathLike[str] | None
    allow_auth_hosts: Iterable[str]
    record: str | os.PathLike[str] | None


class SubscriptionOptions(TypedDict, total=False):
    """Keyword options of ``subscribe()`` and ``on_update()``."""

    event_ids: Iterable[str] | None
    league_ids: Iterable[str] | None
    odd_ids: Iterable[str] | None
    bookmaker_ids: Iterable[str] | None
    include_timestamps: bool
    initial: bool
    conflate: bool
    max_queue: int
    min_interval: float
    max_age: float | None
    on_stale: OnStale


def known(taker: str, given: Mapping[str, Any], options: type) -> None:
    """Refuse options that the taker's ``TypedDict`` does not have."""
    unknown = set(given) - set(options.__annotations__)
    if unknown:
        raise TypeError(
            f"unexpected option {sorted(unknown)[0]!r}; {taker} takes "
            + ", ".join(options.__annotations__)
        )


def names(option: str, value: Iterable[str] | None) -> list[str]:
    """A list of non-empty strings from an iterable of them, or from one string."""
    if value is None:
        return []
    if isinstance(value, str):
        value = [value]
    out = []
    for item in value:
        if not isinstance(item, str):
            raise TypeError(
                f"{option}: expected strings, not {type(item).__name__}: {item!r}"
            )
        if not item:
            raise ValueError(
                f"{option}: an entry is empty; leave the option out for all"
            )
        if "," in item:
            raise ValueError(
                f"{option}: {item!r} has a comma; give a list, one entry for each"
            )
        out.append(item)
    return out


def seconds(option: str, value: float, *, positive: bool = False) -> float:
    """A finite number of seconds, not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{option}: expected seconds as a number, not {type(value).__name__}"
        )
    if not math.isfinite(value) or value < 0 or (positive and value == 0):
        low = "greater than 0" if positive else "0 or more"
        raise ValueError(f"{option}: must be {low} (seconds), not {value!r}")
    return float(value)


def count(option: str, value: int, *, low: int = 1, high: int | None = None) -> int:
    """A whole number within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{option}: expected an int, not {type(value).__name__}")
    if value < low or (high is not None and value > high):
        bound = f"{low} to {high}" if high is not None else f"at least {low}"
        raise ValueError(f"{option}: must be {bound}, not {value!r}")
    return value


def flag(option: str, value: bool) -> bool:
    """A bool and nothing that merely looks like one."""
    if not isinstance(value, bool):  # type: ignore[redundant-expr,unused-ignore]
        raise TypeError(f"{option}: expected True or False, not {value!r}")
    return value


def text(option: str, value: str | None) -> str | None:
    """A string or None."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{option}: expected a string, not {type(value).__name__}")
    return value


def api_key(value: str | None) -> str:
    """The key given, else the one of the environment; never shown in errors."""
    source = "api_key"
    if value is None:
        value = os.environ.get(KEY_VARIABLE)
        source = f"the environment variable {KEY_VARIABLE}"
        if value is None:
            raise ConfigurationError(
                "no API key: give api_key=..., or set the environment variable "
                f"{KEY_VARIABLE}"
            )
    if not isinstance(value, str):
        raise TypeError(f"api_key: expected a string, not {type(value).__name__}")
    if not value.strip():
        raise ConfigurationError(
            f"{source} is empty: give api_key=..., or set {KEY_VARIABLE} to your key"
        )
    if not all(0x21 <= ord(c) <= 0x7E for c in value):
        raise ConfigurationError(
            f"{source} has a space, a newline, a control or a non-ASCII character: "
            "copy the key again, without the line end"
        )
    return value


def transport(value: str) -> str:
    """One of the three transports."""
    if value not in _TRANSPORTS:
        raise ValueError(
            f'transport: must be "auto", "websocket" or "poll", not {value!r}'
        )
    return value


def params(value: Mapping[str, object] | None) -> dict[str, str]:
    """Parameters of a feed as the strings that go into its URL."""
    out: dict[str, str] = {}
    for name, item in (value or {}).items():
        if not name or not isinstance(name, str):
            raise TypeError(f"params: expected names as strings, not {name!r}")
        if isinstance(item, bool):
            out[name] = "true" if item else "false"
        elif isinstance(item, (str, int, float)):
            out[name] = str(item)
        elif isinstance(item, (list, tuple)):
            out[name] = ",".join(names(f"params[{name!r}]", item))
        else:
            raise TypeError(
                f"params[{name!r}]: expected a string, number, bool or list of "
                "strings, "
                f"not {type(item).__name__}"
            )
    return out


def event_id(value: str) -> str:
    """One event's id."""
    if not isinstance(value, str):
        raise TypeError(f"event_id: expected a string, not {type(value).__name__}")
    if not value or "," in value:
        raise ValueError(f"event_id: expected one event's id, not {value!r}")
    return value


def league_id(value: str) -> str:
    """One league's id."""
    if not isinstance(value, str):
        raise TypeError(f"league_id: expected a string, not {type(value).__name__}")
    if not value or "," in value:
        raise ValueError(f'league_id: expected one league, like "NFL", not {value!r}')
    return value


def ca_file(value: str | os.PathLike[str] | None, base_url: str | None) -> str | None:
    """The file of trusted roots; None: the core finds it, or needs none.

    Where neither SSL_CERT_FILE nor the system has one (a bare container), that
    of ``certifi``, if it is installed.
    """
    if value is not None:
        return os.fspath(value)
    if (base_url or "").startswith("http:") or _core.default_ca_file() is not None:
        return None
    try:
        certifi = importlib.import_module("certifi")
    except ImportError:
        return None  # the core's error says what to install
    return str(certifi.where())


def trusted_roots(value: str | os.PathLike[str] | None, base_url: str) -> str | None:
    """The file of roots that a client with these options trusts; None: there is none.

    For what examines a connection beside the core.
    """
    return ca_file(value, base_url) or _core.default_ca_file()


def versions() -> str:
    """Versions of the core and of the libraries that it runs with."""
    return _core.version_text


def client_options(given: ClientOptions) -> dict[str, Any]:
    """What ``_core.Client`` takes, checked and with the environment's defaults."""
    odd_ids = names("odd_ids", given.get("odd_ids"))
    for odd_id in odd_ids:
        if "*" in odd_id or "?" in odd_id:
            raise ValueError(
                f"odd_ids: {odd_id!r} is a pattern; a client's odd_ids are exact, or "
                "have "
                "PLAYER_ID for the player; patterns go to subscribe(odd_ids=...)"
            )
    base_url = text("base_url", given.get("base_url"))
    if base_url is None:
        base_url = os.environ.get(URL_VARIABLE) or None
    record = given.get("record")
    return {
        "api_key": api_key(given.get("api_key")),
        "base_url": base_url,
        "bookmaker_ids": names("bookmaker_ids", given.get("bookmaker_ids")),
        "odd_ids": odd_ids,
        "include_alt_lines": flag(
            "include_alt_lines", given.get("include_alt_lines", False)
        ),
        "include_opposing_odds": flag(
            "include_opposing_odds", given.get("include_opposing_odds", False)
        ),
        "include_open_close_odds": flag(
            "include_open_close_odds", given.get("include_open_close_odds", False)
        ),
        "expand_results": flag("expand_results", given.get("expand_results", False)),
        "transport": transport(given.get("transport", "auto")),
        "timeout": seconds("timeout", given.get("timeout", 30.0), positive=True),
        "reconcile_interval": seconds(
            "reconcile_interval", given.get("reconcile_interval", 300.0)
        ),
        "linger": seconds("linger", given.get("linger", 60.0)),
        "poll_interval": seconds(
            "poll_interval", given.get("poll_interval", 30.0), positive=True
        ),
        "max_events": count("max_events", given.get("max_events", 20_000)),
        "max_bytes": count("max_bytes", given.get("max_bytes", 2 << 30)),
        "max_requests_in_flight": count(
            "max_requests_in_flight", given.get("max_requests_in_flight", 6), high=64
        ),
        "proxy": text("proxy", given.get("proxy")),
        "ca_file": ca_file(given.get("ca_file"), base_url),
        "allow_auth_hosts": names(
            "allow_auth_hosts", given.get("allow_auth_hosts", ())
        ),
        "record_file": None if record is None else os.fspath(record),
    }


def subscription_options(given: SubscriptionOptions) -> dict[str, Any]:
    """What ``_core.Client.subscribe`` takes, checked."""
    known("a subscription", given, SubscriptionOptions)
    on_stale = given.get("on_stale", "raise")
    if on_stale not in ("raise", "mark"):
        raise ValueError(f'on_stale: must be "raise" or "mark", not {on_stale!r}')
    max_age = given.get("max_age")
    if max_age is not None:
        max_age = seconds("max_age", max_age, positive=True)
    return {
        "event_ids": names("event_ids", given.get("event_ids")),
        "league_ids": names("league_ids", given.get("league_ids")),
        "odd_ids": names("odd_ids", given.get("odd_ids")),
        "bookmaker_ids": names("bookmaker_ids", given.get("bookmaker_ids")),
        "include_timestamps": flag(
            "include_timestamps", given.get("include_timestamps", False)
        ),
        "initial": flag("initial", given.get("initial", True)),
        "conflate": flag("conflate", given.get("conflate", True)),
        "max_queue": count("max_queue", given.get("max_queue", 10_000)),
        "min_interval": seconds("min_interval", given.get("min_interval", 0.0)),
        "max_age": max_age,
        "on_stale": on_stale,
    }
