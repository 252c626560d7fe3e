"""Name, connection, TLS, clock and proxy, tried with the standard library.

Nothing here sends the key.
"""

from __future__ import annotations

import base64
import errno
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ..._options import trusted_roots
from .report import Step, Verdict
from .site import Proxy, Site, decide_proxy, why_direct

__all__ = ["Network", "try_network"]

_SKEW_WARN_SECONDS = 3.0
_SKEW_FAIL_SECONDS = 300.0
_HEAD_BYTES = 16 << 10

# X509_V_ERR_* of OpenSSL
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNTRUSTED = (2, 18, 19, 20, 21)
_OTHER_NAME = (62, 63, 64)


@dataclass(slots=True)
class Network:
    """What the first steps found."""

    steps: list[Step]
    #: Whether it is worth asking the API anything.
    usable: bool = True


# -- the steps ----------------------------------------------------------------


def try_network(
    site: Site, *, proxy: str | None, ca_file: str | None, timeout: float
) -> Network:
    """Try proxy, DNS, TCP, TLS and clock, in this order.

    Parameters
    ----------
    site : Site
    proxy, ca_file : str, optional
        As given to the client.
    timeout : float
        Seconds for each step.
    """
    found = Network([])
    step = Step("proxy")
    began = time.monotonic()
    try:
        through = decide_proxy(site, proxy)
    except ValueError as error:
        found.steps.append(
            step.fail("proxy_malformed", str(error), "write it as http://host:port "
                      "or http://user:password@host:port")
        )  # fmt: skip
        return _rest(found, ("dns", "tcp", "tls", "clock"))
    if through is None:
        step.detail = "none: connecting directly" + why_direct(site, proxy)
        found.steps.append(step)
        addresses = _resolve(found, site.host, timeout)
        connection = _connect(found, site.shown, addresses, site.port, timeout)
    else:
        connection = _connect_through(step, through, site, timeout)
        step.seconds = time.monotonic() - began
        found.steps.append(step)
        found.usable = connection is not None
        for name in ("dns", "tcp"):
            found.steps.append(Step(name).skip("the proxy does it"))
    if connection is None:
        found.usable = False
        return _rest(found, ("tls", "clock"))
    with connection:
        _tls_and_clock(found, site, connection, ca_file, timeout)
    return found


def _rest(found: Network, names: tuple[str, ...]) -> Network:
    found.usable = False
    found.steps += [Step(name).skip("no connection") for name in names]
    return found


def _resolve(found: Network, host: str, timeout: float) -> list[str]:
    step = Step("dns")
    found.steps.append(step)
    began = time.monotonic()
    addresses, error = _look_up(host, timeout)
    step.seconds = time.monotonic() - began
    if error is None and addresses is None:
        step.fail(
            "dns_timeout",
            f"no answer about {host} within {timeout:g} s",
            "the DNS server is unreachable or hangs: try `getent hosts "
            f"{host}`, check /etc/resolv.conf and a VPN or firewall on port 53",
        )
    elif isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        step.fail(
            "dns_failing",
            f"the DNS server did not answer about {host}: {error.strerror}",
            "name resolution fails for now: is this machine online? check "
            "/etc/resolv.conf, a VPN or container network; then try again",
        )
    elif error is not None:
        step.fail(
            "dns_unknown_host",
            f"there is no host named {host}: {getattr(error, 'strerror', error)}",
            "check the base URL (--base-url, SPORTS_GAME_ODDS_BASE_URL) for a "
            "typing error; inside a company network ask which DNS server to use",
        )
    else:
        assert addresses is not None
        shown = ", ".join(addresses[:4])
        step.detail = shown if host in addresses else f"{host} is {shown}"
        return addresses
    return []


def _look_up(
    host: str, timeout: float
) -> tuple[list[str] | None, OSError | UnicodeError | None]:
    """Addresses or an error; neither when the time is up.

    ``getaddrinfo`` cannot be interrupted: a daemon thread waits for it.
    """
    result: list[Any] = []

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            result.append(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except (OSError, UnicodeError) as error:
            result.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="sgostream-doctor-dns")
    thread.start()
    thread.join(timeout)
    if not result:
        return None, None
    if isinstance(result[0], (OSError, UnicodeError)):
        return None, result[0]
    return result[0], None


def _connect(
    found: Network, shown: str, addresses: list[str], port: int, timeout: float
) -> socket.socket | None:
    step = Step("tcp")
    found.steps.append(step)
    if not addresses:
        step.skip("no address")
        return None
    began = time.monotonic()
    error: OSError | None = None
    for address in addresses[:4]:
        try:
            connection = socket.create_connection((address, port), timeout)
        except OSError as problem:
            error = error or problem
            continue
        step.seconds = time.monotonic() - began
        step.detail = f"connected to {_at(address, port)}"
        if error is not None:
            step.warn(
                "tcp_some_addresses",
                f"{step.detail}, but not to {addresses[0]}: {_words(error)}",
                "often IPv6 without a route: harmless, the library tries all "
                "addresses; mend the route to connect faster",
            )
        return connection
    step.seconds = time.monotonic() - began
    assert error is not None
    if isinstance(error, TimeoutError):
        step.fail(
            "tcp_timeout",
            f"{shown} does not answer within {timeout:g} s",
            f"a firewall drops connections to port {port}: allow it, or set "
            "HTTPS_PROXY when this network needs a proxy",
        )
    elif isinstance(error, ConnectionRefusedError):
        step.fail(
            "tcp_refused",
            f"{shown} refuses the connection",
            f"nobody listens on port {port}: check host and port of the base URL, "
            "or a firewall that rejects",
        )
    else:
        step.fail(
            "tcp_unreachable",
            f"{shown} cannot be reached: {_words(error)}",
            "this machine has no route there: is it online, is a VPN needed?",
        )
    return None


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _words(error: OSError) -> str:
    return error.strerror or str(error) or errno.errorcode.get(error.errno or 0, "?")


def _connect_through(
    step: Step, proxy: Proxy, site: Site, timeout: float
) -> socket.socket | None:
    shown = f"{proxy.host}:{proxy.port} ({proxy.source})"
    addresses, _ = _look_up(proxy.host, timeout)
    if not addresses:
        step.fail(
            "proxy_unknown_host",
            f"there is no proxy named {proxy.host} ({proxy.source})",
            f"correct {proxy.source}, or unset it to connect directly",
        )
        return None
    try:
        connection = socket.create_connection((addresses[0], proxy.port), timeout)
    except OSError as error:
        step.fail(
            "proxy_unreachable",
            f"the proxy {shown} cannot be reached: {_words(error)}",
            f"start the proxy, correct {proxy.source}, or unset it to connect directly",
        )
        return None
    status = 0
    try:
        status = _ask_tunnel(connection, proxy, site)
    except OSError:
        pass  # told below as no answer
    if status // 100 == 2:
        step.detail = f"{shown} connects to {site.shown}"
        return connection
    connection.close()
    if status == 407:
        step.fail(
            "proxy_login",
            f"the proxy {shown} wants a login (407)",
            f"put it into {proxy.source}: http://user:password@{proxy.host}:"
            f"{proxy.port}",
        )
    else:
        said = f"answered {status}" if status else "gave no answer"
        step.fail(
            "proxy_refused",
            f"the proxy {shown} {said} instead of connecting to {site.shown}",
            f"let the proxy allow {site.host} on port {site.port}, or name the host "
            "in NO_PROXY to go round it",
        )
    return None


def _ask_tunnel(connection: socket.socket, proxy: Proxy, site: Site) -> int:
    lines = [f"CONNECT {site.shown} HTTP/1.1", f"Host: {site.shown}"]
    if proxy.login is not None:
        token = base64.b64encode(proxy.login.encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return _status_of(_read_head(connection))


def _read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        more = connection.recv(4096)
        if not more:
            break
        head += more
    return head


def _status_of(head: bytes) -> int:
    parts = head.split(None, 2)
    if len(parts) < 2 or not head.startswith(b"HTTP/") or not parts[1].isdigit():
        return 0
    return int(parts[1])


# -- TLS and clock ------------------------------------------------------------


def _tls_and_clock(
    found: Network,
    site: Site,
    connection: socket.socket,
    ca_file: str | None,
    timeout: float,
) -> None:
    tls, clock = Step("tls"), Step("clock")
    found.steps += [tls, clock]
    secured: socket.socket = connection
    if site.scheme == "http":
        tls.skip("plain http, as allowed to this machine itself")
    else:
        began = time.monotonic()
        try:
            secured = _handshake(tls, site, connection, ca_file)
        except (OSError, ValueError) as error:
            _tls_failed(tls, clock, site, error, ca_file, timeout)
            found.usable = False
        tls.seconds = time.monotonic() - began
        if not found.usable:
            return
    began = time.monotonic()
    with secured:  # TLS has taken the connection over
        _judge_clock(clock, _skew_of(secured, site))
    clock.seconds = time.monotonic() - began


def _handshake(
    step: Step, site: Site, connection: socket.socket, ca_file: str | None
) -> ssl.SSLSocket:
    roots = trusted_roots(ca_file, f"{site.scheme}:")
    context = ssl.create_default_context(cafile=roots)
    secured = context.wrap_socket(connection, server_hostname=site.host)
    step.detail = f"{secured.version()}, trusted by {roots or 'the system'}"
    certificate = secured.getpeercert() or {}
    ends = certificate.get("notAfter")
    if isinstance(ends, str):
        left = (ssl.cert_time_to_seconds(ends) - time.time()) / 86400
        step.detail += f", certificate valid for {left:.0f} days"
    return secured


def _tls_failed(
    tls: Step,
    clock: Step,
    site: Site,
    error: Exception,
    ca_file: str | None,
    timeout: float,
) -> None:
    clock.skip("no connection that can be trusted")
    if isinstance(error, ssl.SSLCertVerificationError):
        _certificate_refused(tls, clock, site, error, ca_file, timeout)
    elif isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        tls.fail(
            "tls_handshake",
            f"the TLS handshake with {site.shown} failed: {reason}",
            "is this the TLS port? a proxy or a captive portal may answer in its "
            "place: open the base URL in a browser on this machine",
        )
    elif isinstance(error, ValueError) or getattr(error, "filename", None):
        tls.fail(
            "ca_file_unusable",
            f"the CA file cannot be used: {error}",
            "correct --ca-file or SSL_CERT_FILE: a readable file of PEM certificates",
        )
    elif isinstance(error, FileNotFoundError):
        tls.fail(
            "ca_file_unusable",
            f"the CA file {trusted_roots(ca_file, f'{site.scheme}:')} does not exist",
            "correct --ca-file or SSL_CERT_FILE, or unset it for the system's roots",
        )
    else:
        tls.fail(
            "tls_lost",
            f"{site.shown} closed the connection during the TLS handshake"
            if not isinstance(error, TimeoutError)
            else f"{site.shown} did not answer the TLS handshake",
            "something between here and there cuts TLS (a firewall that inspects "
            "it?): try another network, or ask for an exception",
        )


def _certificate_refused(
    tls: Step,
    clock: Step,
    site: Site,
    error: ssl.SSLCertVerificationError,
    ca_file: str | None,
    timeout: float,
) -> None:
    code = error.verify_code
    said = f"the certificate of {site.shown} is refused: {error.verify_message}"
    if code in (_NOT_YET_VALID, _EXPIRED):
        skew = _skew_untrusted(site, timeout)
        if skew is not None and abs(skew) > _SKEW_FAIL_SECONDS:
            clock.verdict = Verdict.FAIL
            _judge_clock(clock, skew)
            tls.fail("clock_off", f"{said}, by a clock that is wrong", clock.remedy)
            return
        tls.fail(
            "tls_expired",
            said,
            "this machine's clock agrees with the server's, so its operator has to "
            "renew the certificate; nothing is sent over such a connection",
        )
    elif code in _OTHER_NAME:
        tls.fail(
            "tls_wrong_name",
            said,
            f"the server that answers as {site.host} has another name: check the "
            "base URL and /etc/hosts; a captive portal or a proxy does this too",
        )
    else:
        roots = trusted_roots(ca_file, f"{site.scheme}:") or "the system's roots"
        tls.fail(
            "tls_untrusted",
            f"{said} (roots: {roots})",
            "install the package ca-certificates, or `pip install certifi`; where a "
            "company proxy inspects TLS, give its root by --ca-file or SSL_CERT_FILE",
        )


def _skew_untrusted(site: Site, timeout: float) -> float | None:
    """The clock of a server whose certificate we refuse; the key is not sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((site.host, site.port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=site.host) as secured,
        ):
            return _skew_of(secured, site)
    except OSError:
        return None


def _skew_of(connection: socket.socket, site: Site) -> float | None:
    """Seconds that this machine's clock is ahead of the server's, or None."""
    before = time.time()
    try:
        connection.sendall(
            f"HEAD {site.path}/ HTTP/1.1\r\nHost: {site.shown}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        head = _read_head(connection)
    except OSError:
        return None
    middle = (before + time.time()) / 2
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"date":
            try:
                theirs = parsedate_to_datetime(value.strip().decode("ascii"))
            except (ValueError, TypeError):
                return None
            if theirs.tzinfo is None:
                theirs = theirs.replace(tzinfo=UTC)
            # The header has whole seconds: it is half a second behind on average.
            return middle - theirs.timestamp() - 0.5
    return None


def _judge_clock(step: Step, skew: float | None) -> None:
    if skew is None:
        step.verdict = Verdict.SKIP
        step.detail = "the server tells no time"
        return
    ahead = f"{abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} the server's"
    step.facts["ahead_seconds"] = round(skew, 2)
    remedy = (
        "set the clock: `timedatectl set-ntp true`, or restart the virtual machine's "
        "time service; ages of prices and the validity of certificates are judged by it"
    )
    now = datetime.now(UTC)
    if abs(skew) > _SKEW_FAIL_SECONDS:
        step.fail("clock_off", f"the clock ({now:%Y-%m-%d %H:%MZ}) is {ahead}", remedy)
    elif abs(skew) > _SKEW_WARN_SECONDS:
        step.warn("clock_off", f"the clock is {ahead}", remedy)
    else:
        step.detail = "agrees with the server's"
