"""Key, plan, limits, stream and refetch, tried with the library as users use it."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ... import (
    Client,
    ConfigurationError,
    Connection,
    LimitError,
    PermissionDeniedError,
    Phase,
    RateLimitError,
    ServerError,
    SgoError,
    Stream,
    StreamLimitError,
    Usage,
)
from ..._options import KEY_VARIABLE, URL_VARIABLE
from ..._options import api_key as check_key
from ..common import Connect, Feeds, megabytes, streams_of
from .judge import UNANSWERED, Finding, judge
from .network import try_network
from .report import Step, Verdict
from .site import Site

if TYPE_CHECKING:
    from ..._options import ClientOptions

__all__ = ["VENDOR_URL", "Target", "diagnose"]

VENDOR_URL = "https://api.sportsgameodds.com/v2"

_SERVICE = (
    "account", "limits", "plan", "slots", "bootstrap", "socket", "authorisation",
    "subscription", "reconcile", "notification", "refetch", "memory",
)  # fmt: skip
_LOOK_SECONDS = 0.002
_NEXT_SECONDS = 0.1
_BOOTSTRAPPED = (Phase.SUBSCRIBING, Phase.RECONCILING, Phase.LIVE, Phase.STALE)
_GRACE_SECONDS = 5.0
_OF_CHANNEL = ("authorisation", "subscription")  # how such errors begin
_TRIES = 3  # errors of one stage after which it is given up
_LOW = 0.1  # of a window left: worth a warning
_FULL = 0.8  # of max_bytes, and of the machine's free memory

Begin = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What is examined, and how patiently.

    Parameters
    ----------
    connect : Connect
    feeds : Feeds
        The first of them is streamed.
    api_key : str, optional
        Default: from the environment.
    patience : float
        Seconds for each step.
    wait : float
        Seconds for the first notification.
    """

    connect: Connect = dataclasses.field(default_factory=Connect)
    feeds: Feeds = dataclasses.field(default_factory=Feeds)
    api_key: str | None = dataclasses.field(default=None, repr=False)
    patience: float = 15.0
    wait: float = 45.0

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self.connect.base_url or os.environ.get(URL_VARIABLE) or VENDOR_URL


def diagnose(target: Target, begin: Begin = lambda name: None) -> Iterator[Step]:
    """Try everything between here and live odds; a step at a time.

    Parameters
    ----------
    target : Target
    begin : callable
        Called with the name of the step that begins.
    """
    begin("key")
    key = _key(target)
    yield key
    begin("network")
    try:
        site = Site.of(target.base_url)
    except ValueError as error:
        yield Step("dns").fail(
            "base_url_malformed", str(error), f"correct --base-url or {URL_VARIABLE}"
        )
        yield from _skip("no address to try")
        return
    network = try_network(
        site,
        proxy=target.connect.proxy,
        ca_file=target.connect.ca_file,
        timeout=target.patience,
    )
    yield from network.steps
    if not network.usable:
        yield from _skip("the API cannot be reached")
        return
    if key.verdict is Verdict.FAIL:
        yield from _skip("no usable key")
        return
    yield from _service(target, begin)


def _skip(why: str, after: str = "") -> Iterator[Step]:
    names = _SERVICE[_SERVICE.index(after) + 1 :] if after else _SERVICE
    return (Step(name).skip(why) for name in names)


def _key(target: Target) -> Step:
    step = Step("key")
    try:
        key = check_key(target.api_key)
    except ConfigurationError as error:
        missing = target.api_key is None and os.environ.get(KEY_VARIABLE) is None
        return step.fail(
            "no_key" if missing else "key_malformed",
            str(error),
            f"export {KEY_VARIABLE}=... with the key of the vendor's dashboard",
        )
    source = KEY_VARIABLE if target.api_key is None else "typed in"
    step.detail = f"{source}, {len(key)} characters"
    return step


def _service(target: Target, begin: Begin) -> Iterator[Step]:
    options = target.connect.options()
    options["api_key"] = target.api_key
    options["transport"] = "websocket"  # polling would hide what is broken
    try:
        client = Client(**options)
    except (SgoError, ValueError) as error:
        yield Step("account").fail(
            "configuration", str(error), "correct the option that the message names"
        )
        yield from _skip("no client", after="account")
        return
    with client:
        examined = _Examined(client, target, options)
        for name, stage in examined.stages():
            begin(name)
            done = list(examined.run(name, stage))
            yield from done
            if any(step.verdict is Verdict.FAIL for step in done):
                yield from examined.rest(done[-1].name)
                return


class _Examined:
    """One client with one stream under examination."""

    def __init__(self, client: Client, target: Target, options: ClientOptions) -> None:
        self._client = client
        self._options = options
        self._target = target
        self._stream: Stream = target.feeds.streams(client)[0]
        #: When it came, and what; those before the mark are told.
        self._errors: list[tuple[float, BaseException]] = []
        self._mark = 0
        self._over: list[BaseException] = []
        self._usage: Usage | None = None
        self._seen = 0
        self._answers = 0
        #: Bytes of answers before the authorisation.
        self._received = 0
        self._notified = False
        self._stream.on_error(self._note)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, (LimitError, MemoryError)):
            self._over.append(error)  # the stream goes on without some events
        else:
            self._errors.append((time.monotonic(), error))

    def stages(self) -> list[tuple[str, Callable[[], Iterator[Step]]]]:
        """The attempts, each named after the first step that comes out of it."""
        return [
            ("account", self._account),
            ("limits", self._limits),
            ("plan", self._plan),
            ("socket", self._socket),
            ("authorisation", self._authorisation),
            ("reconcile", self._reconcile),
            ("notification", self._notification),
            ("refetch", self._refetch),
            ("memory", self._memory),
        ]

    def run(self, name: str, stage: Callable[[], Iterator[Step]]) -> Iterator[Step]:
        """Take the steps of a stage."""
        began = time.monotonic()
        try:
            yield from stage()
        except SgoError as error:  # the stage could not even begin
            found = judge(name, error)
            step = Step(name, seconds=time.monotonic() - began)
            yield step.fail(found.cause, str(error), found.remedy)

    def rest(self, after: str) -> Iterator[Step]:
        """What is not tried any more; memory is told all the same."""
        for step in _skip("needs the step that failed", after):
            if step.name == "memory" and self._over:
                yield from self._memory()
            else:
                yield step

    # -- waiting --------------------------------------------------------------

    def _wait(
        self, done: Callable[[], bool], seconds: float, *, grace: float | None = None
    ) -> tuple[bool, BaseException | None, float]:
        """Wait for a condition: whether it holds, the last error, the time.

        ``grace``: so long after an error it may still come to hold.
        """
        grace = _GRACE_SECONDS if grace is None else grace
        began = time.monotonic()
        while True:
            held = done()
            now = time.monotonic()
            # What comes right before a stage ends is of the next one: between
            # an error and the success after it lies a delay.
            end = now - _NEXT_SECONDS if held else now
            errors = [e for when, e in self._errors[self._mark :] if when <= end]
            error = errors[-1] if errors else None
            if held:
                self._mark += len(errors)
                return True, error, now - began
            final = self._stream.error
            if final is not None:
                return False, final, now - began
            if error is not None:
                waited = now - self._errors[self._mark + len(errors) - 1][0]
                if _is_hopeless(error) or len(errors) >= _TRIES or waited > grace:
                    return False, error, now - began
            if now - began > seconds:
                return False, error, now - began
            time.sleep(_LOOK_SECONDS)

    def _told(
        self, step: Step, held: bool, error: BaseException | None, what: str
    ) -> Step:
        """Fill a step from the outcome of a wait."""
        if held and error is None:
            step.detail = what
            return step
        if held:
            found = judge(step.name, error or TimeoutError())
            return step.warn(found.cause, f"{what}, but first: {error}", found.remedy)
        if error is None:
            found = UNANSWERED.get(step.name, Finding(f"{step.name}_unanswered", ""))
            text = f"no answer within {self._target.patience:g} s"
            return step.fail(found.cause, text, found.remedy)
        found = judge(step.name, error)
        return step.fail(found.cause, str(error), found.remedy)

    # -- the stages -----------------------------------------------------------

    def _account(self) -> Iterator[Step]:
        step = Step("account")
        began = time.monotonic()
        problem: BaseException | None = None
        heard: list[BaseException] = []
        # A client of its own: a call that is retried for ever would hold back
        # what comes after it.
        with Client(**self._options) as asking:
            stream = asking.live()  # not started: it only hears of errors
            stream.on_error(heard.append)
            try:
                self._usage = asking.usage(timeout=self._target.patience)
            except TimeoutError as error:
                problem = heard[-1] if heard else error
            except SgoError as error:
                problem = error
        step.seconds = time.monotonic() - began
        if problem is not None:
            found = judge("account", problem)
            if isinstance(problem, (ServerError, TimeoutError)):
                # The stream does not need it: go on and see.
                yield step.warn(found.cause, str(problem), found.remedy)
            else:
                yield step.fail(found.cause, str(problem), found.remedy)
            return
        assert self._usage is not None
        tier = self._usage.tier or "unknown"
        if self._usage.is_active is False:
            yield step.fail(
                "key_inactive",
                f"the API knows the key, but it is not active (plan {tier})",
                "renew the key or the subscription, or ask the vendor",
            )
            return
        step.detail = f"the API knows the key, plan {tier}"
        step.facts["tier"] = tier
        yield step

    def _limits_left(self) -> Iterator[tuple[str, str, int, int]]:
        """Window, what is counted, left, limit; of those that are limited."""
        assert self._usage is not None
        for name, window in self._usage.rate_limits.items():
            for what, left, most in (
                ("requests", window.requests_left, window.max_requests),
                ("objects", window.entities_left, window.max_entities),
            ):
                if left is not None and most is not None:
                    yield name.removeprefix("per-"), what, left, most

    def _limits(self) -> Iterator[Step]:
        yield self._judge_limits(Step("limits"))

    def _judge_limits(self, step: Step) -> Step:
        if self._usage is None:
            return step.skip("the API did not tell them")
        rows = list(self._limits_left())
        for window, what, left, most in rows:
            step.facts[f"{what} left per {window}"] = left
            if left == 0:
                error = RateLimitError("", window=window)
                found = judge("limits", error)
                return step.fail(
                    found.cause,
                    f"all {most:,} {what} per {window} are used up",
                    found.remedy,
                )
        low = [row for row in rows if row[2] < row[3] * _LOW]
        if low:
            window, what, left, most = low[0]
            return step.warn(
                "limits_low",
                f"only {left:,} of {most:,} {what} per {window} are left",
                "prices grow older as requests are paced: fewer feeds, a larger "
                "reconcile_interval, or a larger plan; who else uses the key?",
            )
        shown = [
            f"{left:,} {what} per {window}"
            for window, what, left, _ in rows
            if window in ("hour", "month")
        ]
        step.detail = "left: " + (", ".join(shown) or "unlimited")
        return step

    def _plan(self) -> Iterator[Step]:
        plan, slots, bootstrap = Step("plan"), Step("slots"), Step("bootstrap")
        self._stream.start()
        held, error, bootstrap.seconds = self._wait(
            lambda: self._stream.phase in _BOOTSTRAPPED, self._target.patience
        )
        if not held and isinstance(error, PermissionDeniedError):
            plan.seconds = bootstrap.seconds
            yield self._told(plan, held, error, "")
            return
        if not held and isinstance(error, StreamLimitError):
            plan.detail = "it streams"
            slots.seconds = bootstrap.seconds
            yield plan
            yield self._told(slots, held, error, "")
            return
        if held:
            plan.detail = "it streams"
            slots.detail = "one was free; the API does not tell how many there are"
        else:
            plan.skip("not told before the bootstrap works")
            slots.skip("not told before the bootstrap works")
        yield plan
        yield slots
        count = len(self._stream.events)
        size = self._received = self._client.stats().request_bytes_received
        bootstrap.facts["events"] = count
        yield self._told(
            bootstrap, held, error, f"snapshot of {count} events, {megabytes(size)}"
        )

    def _socket(self) -> Iterator[Step]:
        step = Step("socket")
        held, error, step.seconds = self._wait(
            self._is_connected, self._target.patience
        )
        yield self._told(step, held, error, "connected to Pusher")

    def _is_connected(self) -> bool:
        """Now, or for a moment that is over: what came next tells of it."""
        if self._stream.connection is Connection.CONNECTED:
            return True
        if self._stream.phase in (Phase.RECONCILING, Phase.LIVE):
            return True
        later = self._errors[self._mark :]
        return any(str(e).startswith(_OF_CHANNEL) for _, e in later)

    def _authorisation(self) -> Iterator[Step]:
        right, channel = Step("authorisation"), Step("subscription")
        began = time.monotonic()
        answered: list[float] = []

        def subscribed() -> bool:
            received = self._client.stats().request_bytes_received
            if not answered and received > self._received:
                answered.append(time.monotonic() - began)
            return self._stream.phase in (Phase.RECONCILING, Phase.LIVE)

        held, error, passed = self._wait(subscribed, self._target.patience)
        right.seconds = min(answered[0] if answered else passed, passed)
        channel.seconds = passed - right.seconds
        text = str(error or "")
        if not held and (
            text.startswith("authorisation")
            or "authorisation endpoint" in text
            or (error is None and not answered)
        ):
            right.seconds = passed
            yield self._told(right, held, error, "")
            return
        if held and text.startswith("authorisation"):
            yield self._told(right, held, error, "the API allows the channel")
            error = None
        else:
            right.detail = "the API allows the channel"
            yield right
        yield self._told(channel, held, error, "Pusher confirms the channel")

    def _reconcile(self) -> Iterator[Step]:
        step = Step("reconcile")
        held, error, step.seconds = self._wait(
            lambda: self._stream.phase is Phase.LIVE, self._target.patience
        )
        count = len(self._stream.events)
        self._seen = self._stream.stats().notifications
        self._answers = self._count_answers()
        yield self._told(
            step, held, error, f"{count} events equal the server's list: live"
        )

    def _count_answers(self) -> int:
        """Answers about events so far; no walk is under way when it is live."""
        stats = self._stream.stats()
        return (
            stats.versions_applied
            + stats.versions_unchanged
            + stats.versions_refused
            + stats.versions_overtaken
        )

    def _notification(self) -> Iterator[Step]:
        step = Step("notification")
        held, error, step.seconds = self._wait(
            lambda: self._stream.stats().notifications > self._seen,
            self._target.wait,
            grace=self._target.wait,  # it comes back, and the feed may be quiet
        )
        self._notified = held or self._is_refetch_error(error)
        if self._notified:
            step.detail = "the first came"
            yield step
        elif error is not None and self._stream.phase is not Phase.LIVE:
            yield self._told(step, held, error, "")
        elif not len(self._stream.events):
            yield step.warn(
                "feed_empty",
                f"{self._shown} holds no event now, so nothing can change",
                "try a feed with games: --upcoming NFL, or --event ID; live games "
                "come by themselves",
            )
        else:
            yield step.warn(
                "no_notifications",
                f"none within {self._target.wait:g} s although "
                f"{len(self._stream.events)} events are held",
                "the feed may be quiet: wait longer (--wait 300), try --live during "
                "games. If the vendor's site shows moves meanwhile, check feed and "
                "parameters, then ask the vendor; reconcile_interval bounds how old "
                "prices can get",
            )

    @property
    def _shown(self) -> str:
        return streams_of([self._stream])

    def _is_refetch_error(self, error: BaseException | None) -> bool:
        text = str(error or "")
        return "/events" in text and "/stream/events" not in text

    def _refetch(self) -> Iterator[Step]:
        step = Step("refetch")
        if self._notified:
            held, error, step.seconds = self._wait(
                lambda: self._count_answers() > self._answers, self._target.patience
            )
            if error is None and not held and self._errors:
                error = self._errors[-1][1]
            yield self._told(step, held, error, "the notified event came anew")
            return
        event_id = next(iter(self._stream.events), None)
        if event_id is None:
            yield step.skip("no event to fetch")
            return
        began = time.monotonic()
        error = None
        try:
            self._client.fetch(event_id, timeout=self._target.patience)
        except (SgoError, TimeoutError) as problem:
            error = problem
        step.seconds = time.monotonic() - began
        yield self._told(
            step, error is None, error, "one held event, fetched by hand, came"
        )

    def _memory(self) -> Iterator[Step]:
        step = Step("memory")
        stats = self._client.stats()
        limit = self._target.connect.max_bytes or 2 << 30
        held, count = stats.bytes_documents, stats.events_held
        free = _free_bytes()
        step.facts |= {
            "events": count,
            "bytes_documents": held,
            "bytes_pool": stats.bytes_pool,
            "max_bytes": limit,
            "machine_bytes_free": free,
        }
        each = f", {megabytes(held / count)} each" if count else ""
        shown = (
            f"{count} events in {megabytes(held)}{each}; max_bytes {megabytes(limit)}"
        )
        if free is not None:
            shown += f"; the machine has {megabytes(free)} free"
        if self._over:
            found = judge("memory", self._over[0])
            yield step.fail(found.cause, str(self._over[0]), found.remedy)
        elif held > _FULL * limit:
            yield step.warn(
                "memory_near_limit",
                shown,
                "new events will be refused soon: raise max_bytes, or keep less by "
                "bookmaker_ids, odd_ids, no alternative lines",
            )
        elif free is not None and held > _FULL * (free + held):
            yield step.warn(
                "memory_of_machine",
                shown,
                "the feed nearly fills this machine: keep less by bookmaker_ids, "
                "odd_ids, no alternative lines, or lower max_bytes so that the "
                "library refuses before the system kills the program",
            )
        else:
            step.detail = shown
            yield step


def _is_hopeless(error: BaseException) -> bool:
    """Whether waiting for another try tells nothing more."""
    if isinstance(error, (StreamLimitError, RateLimitError, ConfigurationError)):
        return True
    if isinstance(error, SgoError) and not error.retryable:
        return True
    return "no answer" in str(error) or "time allowed" in str(error)


def _free_bytes() -> int | None:
    """Memory that this process can still get: the machine's or its container's."""
    free: int | None = None
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        free = min(free, max(0, most - used)) if free is not None else most - used
    except (OSError, ValueError):
        pass  # no limit ("max"), or no such files
    return free
