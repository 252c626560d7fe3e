"""Where the API is, and whether a proxy stands before it.

The proxy is decided as the core does (csrc/core/net/proxy.c); both are tested
with one table.
"""

from __future__ import annotations

import ipaddress
import os
import urllib.parse
from dataclasses import dataclass

__all__ = ["Proxy", "Site", "decide_proxy", "why_direct"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Site:
    """Where the API is."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Site:
        """Of a base URL; ``ValueError`` says what is wrong with it."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base URL: {url!r} is no http or https address")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def shown(self) -> str:
        """``host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(slots=True)
class Proxy:
    """What connections go through."""

    host: str
    port: int
    login: str | None
    source: str


def _is_loopback(host: str) -> bool:
    address = _numeric(host)
    if address is not None:
        return str(address) == "::1" or str(address).startswith("127.")
    return host.lower() == "localhost" or host.lower().endswith(".localhost")


def decide_proxy(site: Site, given: str | None) -> Proxy | None:
    """As the core decides it: argument, environment, NO_PROXY, loopback never."""
    source, url = "--proxy", given
    if given is None:
        if _is_loopback(site.host):
            return None
        names = (name for name in _proxy_names(site) if os.environ.get(name))
        source = next(names, "")
        url = os.environ.get(source) if source else None
        if url and _excluding_rule(site):
            return None
    if not url:
        return None
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{source}: only http://host:port proxies are supported")
    login = None
    if parts.username is not None:
        login = urllib.parse.unquote(f"{parts.username}:{parts.password or ''}")
    return Proxy(parts.hostname, parts.port or 80, login, source)


def why_direct(site: Site, given: str | None) -> str:
    """What keeps the environment's proxy from being used, if something does."""
    names = [name for name in _proxy_names(site) if os.environ.get(name)]
    if given is not None or not names:
        return ""
    if _is_loopback(site.host):
        return f", as always on this machine; {names[0]} is for others"
    return f", as NO_PROXY names it ({_excluding_rule(site)}); {names[0]} is for others"


def _proxy_names(site: Site) -> tuple[str, ...]:
    if site.scheme == "http":
        return "http_proxy", "all_proxy", "ALL_PROXY"
    return "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"


def _numeric(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _excluding_rule(site: Site) -> str | None:
    """The entry of NO_PROXY that names the host, as the core reads them."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    rules = listed.replace(",", " ").split()
    return next((rule for rule in rules if _matches(rule, site)), None)


def _matches(rule: str, site: Site) -> bool:
    """Whether an entry names the host: ``*``, a domain, an address, a network.

    A domain and an address may have a port; all but it are compared whole.
    """
    if rule == "*":
        return True
    address = _numeric(site.host)
    if "/" in rule:
        return address is not None and _is_inside(address, rule)
    name, port = rule, ""
    if rule.startswith("["):
        name, closed, port = rule[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            return False
        port = port[1:] if port else ""
        if rule.endswith(":"):
            return False
    elif rule.count(":") == 1:
        name, _, port = rule.partition(":")
        if not port:
            return False
    if port and (not port.isdecimal() or int(port) != site.port):
        return False
    name, host = name.lstrip(".*").lower(), site.host.lower()
    if not name:
        return False
    return host == name or (address is None and host.endswith("." + name))


def _is_inside(address: _Address, rule: str) -> bool:
    try:
        return address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
