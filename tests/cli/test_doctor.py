"""The doctor, with each thing broken in turn: it names the cause.

All set-ups run side by side, each with a simulator of its own; each is a test.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hostile import Proxy, dead_port, free_port, mute_port

from sgostream.cli.common import Connect, Feeds
from sgostream.cli.doctor import Report, Target, Verdict, diagnose
from sgostream.cli.doctor.site import Site
from sgostream.sim import ConnectionScript, Simulator

Run = Callable[..., Any]

NO_HOST = "unknown.sim.invalid"
FAILING = "failing.sim.invalid"
HANGING = "hanging.sim.invalid"
SCORE = ("teams", "home", "score")
PATIENCE = 20.0  # seconds for a step; most that is broken says so at once
BRIEF = 1.5  # for what is broken by saying nothing


# -- set-ups


@dataclass
class Options:
    """What a set-up may change; the rest is as it should be."""

    stack: contextlib.ExitStack
    base_url: str
    ca_file: str | None
    api_key: str | None
    proxy: str | None = ""
    max_bytes: int | None = None
    feeds: Feeds = field(default_factory=Feeds)
    patience: float = PATIENCE
    wait: float = PATIENCE


Prepare = Callable[[Simulator, Options], None]


@dataclass(frozen=True)
class Case:
    """A set-up and what must be told of it."""

    step: str
    cause: str
    prepare: Prepare
    verdict: Verdict = Verdict.FAIL
    moving: bool = True
    slow: bool = False
    sim: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Case] = {}


def case(
    step: str, cause: str, verdict: Verdict = Verdict.FAIL, **more: Any
) -> Callable[[Prepare], Prepare]:
    def add(prepare: Prepare) -> Prepare:
        CASES[prepare.__name__] = Case(step, cause, prepare, verdict, **more)
        return prepare

    return add


def _date(sim: Simulator, ahead: timedelta) -> None:
    told = format_datetime(datetime.now(UTC) - ahead, usegmt=True)
    sim.rule("/", headers={"Date": told}, times=None)


@case("", "", Verdict.OK)
def nothing_is_broken(sim: Simulator, to: Options) -> None:
    pass


@case("dns", "base_url_malformed")
def the_base_url_is_no_url(sim: Simulator, to: Options) -> None:
    to.base_url = "api.sportsgameodds.com/v2"


@case("dns", "dns_unknown_host")
def the_host_does_not_exist(sim: Simulator, to: Options) -> None:
    to.base_url = f"https://{NO_HOST}/v2"


@case("dns", "dns_failing")
def the_dns_server_is_down(sim: Simulator, to: Options) -> None:
    to.base_url = f"https://{FAILING}/v2"


@case("dns", "dns_timeout")
def the_dns_server_hangs(sim: Simulator, to: Options) -> None:
    to.patience = BRIEF
    to.base_url = f"https://{HANGING}/v2"


@case("tcp", "tcp_refused")
def the_port_is_closed(sim: Simulator, to: Options) -> None:
    to.base_url = f"https://127.0.0.1:{free_port()}/v2"


@case("tcp", "tcp_timeout")
def a_firewall_drops_the_connection(sim: Simulator, to: Options) -> None:
    to.patience = BRIEF
    port = to.stack.enter_context(dead_port())
    to.base_url = f"https://127.0.0.1:{port}/v2"


@case("tls", "tls_untrusted")
def the_authority_is_unknown(sim: Simulator, to: Options) -> None:
    to.ca_file = None


@case("tls", "tls_expired", sim={"tls_expired": True})
def the_certificate_has_expired(sim: Simulator, to: Options) -> None:
    pass


@case("tls", "tls_wrong_name", sim={"tls_names": ("other.example",)})
def the_certificate_is_for_another_name(sim: Simulator, to: Options) -> None:
    pass


@case("tls", "tls_handshake")
def the_port_speaks_no_tls(sim: Simulator, to: Options) -> None:
    to.base_url = f"https://127.0.0.1:{sim.port}/v2"


@case("tls", "tls_lost")
def the_handshake_is_swallowed(sim: Simulator, to: Options) -> None:
    to.patience = BRIEF
    port = to.stack.enter_context(mute_port())
    to.base_url = f"https://127.0.0.1:{port}/v2"


@case("tls", "ca_file_unusable")
def the_ca_file_is_missing(sim: Simulator, to: Options) -> None:
    to.ca_file = "/nowhere/roots.pem"


@case("clock", "clock_off")
def the_clock_is_an_hour_ahead(sim: Simulator, to: Options) -> None:
    _date(sim, timedelta(hours=1))


@case("clock", "clock_off", Verdict.WARN)
def the_clock_is_half_a_minute_behind(sim: Simulator, to: Options) -> None:
    _date(sim, timedelta(seconds=-30))


@case("tls", "clock_off", sim={"tls_expired": True})
def a_wrong_clock_makes_certificates_expire(sim: Simulator, to: Options) -> None:
    _date(sim, timedelta(days=400))


@case("proxy", "proxy_refused")
def the_proxy_refuses(sim: Simulator, to: Options) -> None:
    to.proxy = to.stack.enter_context(answering_proxy(403))


@case("proxy", "proxy_login")
def the_proxy_wants_a_login(sim: Simulator, to: Options) -> None:
    to.proxy = to.stack.enter_context(answering_proxy(407))


@case("proxy", "proxy_unreachable")
def the_proxy_is_down(sim: Simulator, to: Options) -> None:
    to.proxy = f"http://user:hidden@127.0.0.1:{free_port()}"


@case("proxy", "proxy_unknown_host")
def the_proxy_does_not_exist(sim: Simulator, to: Options) -> None:
    to.proxy = f"http://{NO_HOST}:3128"


@case("proxy", "proxy_malformed")
def the_proxy_is_of_another_kind(sim: Simulator, to: Options) -> None:
    to.proxy = "socks5://127.0.0.1:1080"


@case("key", "no_key")
def there_is_no_key(sim: Simulator, to: Options) -> None:
    to.api_key = None


@case("key", "key_malformed")
def the_key_has_a_line_end(sim: Simulator, to: Options) -> None:
    to.api_key = f"{sim.api_key}\n"


@case("account", "key_refused")
def the_key_is_wrong(sim: Simulator, to: Options) -> None:
    to.api_key = "0123456789abcdef-wrong"


@case("account", "key_inactive")
def the_key_is_inactive(sim: Simulator, to: Options) -> None:
    sim.configure(active=False)


@case("account", "server_error", Verdict.WARN, slow=True)
def usage_fails_but_the_stream_works(sim: Simulator, to: Options) -> None:
    to.patience = 8.0
    sim.rule("/account/usage", status=500, times=None)


@case("limits", "rate_limited")
def the_minute_is_used_up(sim: Simulator, to: Options) -> None:
    sim.limit("per-minute", requests=0)


@case("limits", "month_exhausted")
def the_month_is_used_up(sim: Simulator, to: Options) -> None:
    sim.limit("per-month", entities=0)


@case("limits", "limits_low", Verdict.WARN)
def the_hour_is_nearly_used_up(sim: Simulator, to: Options) -> None:
    sim.limit("per-hour", requests=2_000)
    sim.api.keys[sim.api_key].usage.count(1_900, 0)


@case("bootstrap", "rate_limited")
def a_limit_that_usage_does_not_show(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/events", status=429, times=None)


@case("plan", "plan_without_streaming")
def the_plan_does_not_stream(sim: Simulator, to: Options) -> None:
    sim.configure(streaming=False)


@case("slots", "stream_limit")
def all_streams_are_taken(sim: Simulator, to: Options) -> None:
    sim.configure(max_streams=0)


@case("socket", "stream_limit")
def all_connections_are_taken(sim: Simulator, to: Options) -> None:
    sim.configure(max_connections=0)


@case("bootstrap", "server_error")
def the_bootstrap_answers_503(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/events", status=503, times=None)


@case("bootstrap", "server_error", Verdict.WARN)
def the_bootstrap_fails_once(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/events", status=503, times=1)


@case("bootstrap", "not_the_api")
def the_bootstrap_answers_html(sim: Simulator, to: Options) -> None:
    html = {"Content-Type": "text/html"}
    sim.rule("/stream/*", status=200, body="<p>log in</p>", headers=html, times=None)


@case("bootstrap", "feed_unknown")
def the_event_is_unknown(sim: Simulator, to: Options) -> None:
    to.feeds = Feeds(event_ids=("no-such-event",))


@case("socket", "socket_unreachable")
def the_socket_port_is_closed(sim: Simulator, to: Options) -> None:
    sim.settings.pusher_options = {"wssPort": free_port()}


@case("socket", "socket_unknown_host")
def the_socket_host_does_not_exist(sim: Simulator, to: Options) -> None:
    sim.settings.pusher_options = {"wsHost": "nobody.invalid"}


@case("socket", "app_key_refused")
def pusher_closes_with_4001(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(error=4001, close=4001, close_at="open"), times=0)


@case("socket", "socket_closed")
def pusher_closes_with_4003(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(close=4003, close_at="open"), times=0)


@case("socket", "upgrade_refused")
def something_strips_the_upgrade(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(status=403), times=0)


@case("socket", "socket_silent", slow=True)
def the_socket_says_nothing(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(first=""), times=0)


@case("authorisation", "authorisation_refused")
def the_authorisation_is_refused(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/pusher/auth", status=403, times=None)


@case("authorisation", "authorisation_failed")
def the_authorisation_fails(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/pusher/auth", status=500, times=None)


@case("authorisation", "authorisation_unanswered", slow=True)
def the_authorisation_hangs(sim: Simulator, to: Options) -> None:
    sim.rule("/stream/pusher/auth", hold="before", times=None)


@case("bootstrap", "authorisation_host")
def the_authorisation_is_elsewhere(sim: Simulator, to: Options) -> None:
    endpoint = "https://elsewhere.example/auth"
    sim.settings.pusher_options = {"channelAuthorization": {"endpoint": endpoint}}


@case("subscription", "subscription_refused")
def the_subscription_is_refused(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(subscribe="auth-error"), times=0)


@case("subscription", "subscription_refused")
def the_signature_is_wrong(sim: Simulator, to: Options) -> None:
    sim.settings.auth_mode = "wrong-signature"


@case("subscription", "subscription_unanswered", slow=True)
def the_subscription_is_not_answered(sim: Simulator, to: Options) -> None:
    sim.script(ConnectionScript(subscribe="silent"), times=0)


@case("reconcile", "reconcile_failed")
def the_list_fails(sim: Simulator, to: Options) -> None:
    sim.rule("/events", params={"live": None}, status=500, times=None)


@case("notification", "no_notifications", Verdict.WARN, moving=False)
def no_notification_comes(sim: Simulator, to: Options) -> None:
    to.wait = 0.5


@case("notification", "feed_empty", Verdict.WARN)
def the_feed_is_empty(sim: Simulator, to: Options) -> None:
    to.feeds = Feeds(upcoming=("NHL",))
    to.wait = 0.5


@case("refetch", "refetch_failed")
def the_refetch_fails(sim: Simulator, to: Options) -> None:
    sim.rule("/events", params={"eventIDs": None}, status=500, times=None)
    sim.rule("/events", params={"eventID": None}, status=500, times=None)


@case("memory", "memory_limit")
def max_bytes_is_too_small(sim: Simulator, to: Options) -> None:
    to.max_bytes = 20_000


@contextlib.contextmanager
def answering_proxy(status: int) -> Iterator[str]:
    """A proxy that answers everything with one status; its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(f"HTTP/1.1 {status} No\r\n\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


# -- running them


def examine(one: Case) -> Report:
    """Break, examine, and give what was told."""
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Simulator(seed=1, **one.sim))
        event_id = sim.add_event(live=True, size=30_000)
        to = Options(stack, sim.https_base_url, sim.ca_file, sim.api_key)
        one.prepare(sim, to)
        if one.moving:
            stack.enter_context(moving(sim, event_id))
        connect = Connect(
            base_url=to.base_url,
            ca_file=to.ca_file,
            proxy=to.proxy,
            max_bytes=to.max_bytes,
        )
        target = Target(connect, to.feeds, to.api_key, to.patience, to.wait)
        report = Report(to.base_url, "", "", list(diagnose(target)))
        told = json.dumps(report.json())
        assert sim.api_key not in told
        assert "hidden" not in told
        return report


@contextlib.contextmanager
def moving(sim: Simulator, event_id: str) -> Iterator[None]:
    """Change an event now and then."""
    done = threading.Event()

    def move() -> None:
        points = 0
        while not done.wait(0.1):
            points += 1
            sim.patch(event_id, SCORE, points)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def broken_names() -> Iterator[None]:
    """A resolver that fails or hangs for three names."""
    real = socket.getaddrinfo
    go = threading.Event()

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == HANGING:
            go.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "hung")
        if host == FAILING:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
        if host == NO_HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", look_up)
    patch.delenv("SPORTS_ODDS_API_KEY_HEADER", raising=False)
    patch.delenv("SSL_CERT_FILE", raising=False)
    try:
        yield
    finally:
        go.set()
        patch.undo()


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest,
) -> dict[str, concurrent.futures.Future[Report]]:
    """Reports of the cases that were asked for, by name."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.fspath == request.node.fspath and hasattr(item, "callspec")
        if "name" in item.callspec.params
    }
    with broken_names(), concurrent.futures.ThreadPoolExecutor(8) as pool:
        return {
            name: pool.submit(examine, one)
            for name, one in sorted(CASES.items(), key=lambda item: not item[1].slow)
            if name in wanted
        }


@pytest.mark.parametrize("name", CASES)
def test_it_names_the_cause(
    outcomes: dict[str, concurrent.futures.Future[Report]], name: str
) -> None:
    expected = CASES[name]
    report = outcomes[name].result()
    told = json.dumps(report.json(), indent=1)
    assert report.verdict is expected.verdict, told
    assert report.cause == expected.cause, told
    culprit = report.culprit
    assert (culprit.name if culprit else "") == expected.step, told
    if culprit is not None:
        assert culprit.remedy
        assert culprit.detail
    if expected.verdict is Verdict.FAIL:
        # Nothing that needs the broken step pretends to have worked.
        assert culprit is not None
        at = report.steps.index(culprit)
        if culprit.name not in ("key", "clock", "memory") and (
            culprit.cause != "clock_off"
        ):
            later = {str(s.verdict) for s in report.steps[at + 1 :]}
            assert later <= {"skip"}, told


def test_every_step_is_told_once() -> None:
    names = [step.name for step in examine(CASES["nothing_is_broken"]).steps]
    assert names == [
        "key", "proxy", "dns", "tcp", "tls", "clock", "account", "limits", "plan",
        "slots", "bootstrap", "socket", "authorisation", "subscription",
        "reconcile", "notification", "refetch", "memory",
    ]  # fmt: skip


def test_memory_near_its_limit() -> None:
    def measure(sim: Simulator, to: Options) -> None:
        to.max_bytes = limit

    limit = 1 << 30
    held = examine(Case("", "", measure)).step("memory").facts["bytes_documents"]
    limit = int(held * 1.15)
    report = examine(Case("", "", measure))
    assert report.cause == "memory_near_limit", report.json()
    assert "bookmaker_ids" in report.step("memory").remedy


def test_a_feed_that_nearly_fills_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from sgostream.cli.doctor import service

    monkeypatch.setattr(service, "_free_bytes", lambda: 1_000)
    report = examine(Case("", "", lambda sim, to: None))
    assert report.cause == "memory_of_machine", report.json()
    assert "max_bytes" in report.step("memory").remedy


def test_through_a_proxy(tmp_path: Path) -> None:
    with Proxy(tmp_path) as proxy:

        def through(sim: Simulator, to: Options) -> None:
            to.proxy = proxy.url

        report = examine(Case("", "", through, Verdict.OK))
        assert report.verdict is Verdict.OK, report.json()
        assert report.step("dns").verdict is Verdict.SKIP
        assert str(proxy.port) in report.step("proxy").detail


def test_the_proxy_is_decided_as_the_library_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sgostream.cli.doctor.site import decide_proxy

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    site = Site.of("https://api.example.com/v2")
    monkeypatch.setenv("NO_PROXY", "example.org, .internal")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128")
    found = decide_proxy(site, None)
    assert found is not None
    assert (found.host, found.port, found.source) == (
        "proxy.example", 3128, "HTTPS_PROXY",
    )  # fmt: skip
    assert decide_proxy(Site.of("https://127.0.0.1/v2"), None) is None
    assert decide_proxy(site, "") is None
    monkeypatch.setenv("NO_PROXY", "example.org,example.com")
    assert decide_proxy(site, None) is None


def cases_of_the_core() -> list[tuple[str, str, bool]]:
    """NO_PROXY, host, direct: the table that the core is tested with."""
    source = Path(__file__).parents[1] / "c" / "test_net_proxy.c"
    table = source.read_text(encoding="utf-8").partition("no_proxy_is_obeyed(void)")[2]
    return [
        (found[1], found[2], found[3] == "true")
        for found in re.finditer(
            r'\{"([^"]*)", "([^"]+)", (true|false)\}', table.partition("};")[0]
        )
    ]


@pytest.mark.parametrize(("listed", "host", "direct"), cases_of_the_core())
def test_no_proxy_is_read_as_the_library_does(
    monkeypatch: pytest.MonkeyPatch, listed: str, host: str, direct: bool
) -> None:
    from sgostream.cli.doctor.site import decide_proxy, why_direct

    for name in ("HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "p:1")
    monkeypatch.setenv("NO_PROXY", listed)
    site = Site("https", host, 443, "/v2")
    assert (decide_proxy(site, None) is None) is direct
    if direct:
        assert "NO_PROXY names it" in why_direct(site, None)


def test_the_table_of_the_core_was_found() -> None:
    listed = {rule for rule, _, _ in cases_of_the_core()}
    assert {"10.0.0.0/8", "fd00::/8", "[fd12::1]:80", "example.com:80"} <= listed


# -- the command


def test_the_command_in_words(run: Run, sim: Simulator) -> None:
    (event_id,) = sim.truth()
    with moving(sim, event_id):
        result = run("doctor", "--patience", "10")
    assert result.exit_code == 0, result.output
    assert "All is well." in result.stdout
    assert "libwebsockets" in result.stdout
    assert result.stdout.count(" ms  ") >= 15


def test_the_command_in_json(run: Run, sim: Simulator) -> None:
    sim.configure(streaming=False)
    result = run("doctor", "--json", "--upcoming", "NFL", "--wait", "1")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["feed"] == "events:upcoming NFL"
    assert (told["verdict"], told["cause"]) == ("fail", "plan_without_streaming")
    assert "transport" in told["remedy"]
    assert all(step["seconds"] >= 0 for step in told["steps"])


def test_the_command_without_a_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPORTS_ODDS_API_KEY_HEADER")
    assert "SPORTS_ODDS_API_KEY_HEADER" not in os.environ
    result = run("doctor")
    assert result.exit_code == 1
    assert "no_key" in result.stdout
    assert "not tried" in result.stdout
