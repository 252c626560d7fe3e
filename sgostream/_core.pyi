"""The C core: its iterator and its callback interface.

Complete by itself; the package adds names, validation, asyncio, threads and
logging.  Every blocking call takes ``timeout`` in seconds (None: for ever),
raises TimeoutError, releases the GIL, and lets signal handlers run within
100 ms.  Every method may be called from any thread.
"""

from collections.abc import (
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from datetime import datetime
from typing import (
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    SupportsIndex,
    TypeAlias,
    TypeVar,
    final,
    overload,
)

from typing_extensions import Buffer, CapsuleType, disjoint_base

_T_co = TypeVar("_T_co", covariant=True)
_Default = TypeVar("_Default")
_ErrorFactory: TypeAlias = Callable[
    [str, str, int | None, int | None, bool, float | None, str | None], BaseException
]

__version__: Final[str]
version_text: Final[str]
"""Versions of the library and of those that it uses."""

MISSING: Final[MissingType]
"""The side of a Change that lacks the member: falsy, and the only one of its kind."""

def set_error_factory(factory: _ErrorFactory | None, /) -> None:
    """Make errors by a callable; None: instances of Error.

    Its arguments are ``(kind, text, http_status, close_code, retryable,
    retry_after, window)``.
    """

def to_plain(obj: Any, /) -> Any:
    """Events and views as plain objects, also inside dicts and lists, which are copied.

    TypeError for what is no JSON value.  Serves as ``default=`` of
    ``json.dumps`` and ``orjson.dumps``.
    """

def arrow_quotes(
    events: Iterable[Event],
    odd_ids: Iterable[str] | None = None,
    bookmaker_ids: Iterable[str] | None = None,
    alt_lines: bool = False,
) -> CapsuleType:
    """A capsule ``"arrow_array_stream"`` of the events' quotes.

    The filter is that of ``Event.quote_rows()``.
    """

def arrow_quote_changes(updates: Iterable[Update], /) -> CapsuleType:
    """A capsule ``"arrow_array_stream"`` of what updates changed of quotes."""

def arrow_schema(changes: bool = False) -> CapsuleType:
    """A capsule ``"arrow_schema"`` of ``arrow_quotes()``.

    With ``changes``, that of ``arrow_quote_changes()``.
    """

def default_ca_file() -> str | None:
    """The CA file of clients without ``ca_file``: SSL_CERT_FILE or the system's.

    None: this system has none.
    """

def after_fork_in_child() -> None:
    """Abandon the parent's clients: for ``os.register_at_fork``."""

def shutdown() -> None:
    """Stop whatever still runs, within one second: for ``atexit``.

    Does nothing in a subinterpreter, whose end is not the process's.
    """

class Error(RuntimeError):
    """An error of the core, unless ``set_error_factory`` has given other classes."""

    kind: str
    text: str
    http_status: int | None
    close_code: int | None
    retryable: bool
    retry_after: float | None
    window: str | None

@final
class MissingType:
    """The type of MISSING."""

    def __bool__(self) -> Literal[False]: ...
    def __reduce__(self) -> str: ...

# --- values -----------------------------------------------------------------

@disjoint_base
class ObjectView(Mapping[str, Any]):
    """A JSON object inside an event: an immutable Mapping over C memory.

    Converts only what is touched, and keeps the event alive.
    """

    def __getitem__(self, key: str, /) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __ge__(self, value: object, /) -> bool: ...
    def __gt__(self, value: object, /) -> bool: ...
    def __le__(self, value: object, /) -> bool: ...
    def __lt__(self, value: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @overload
    def get(self, key: str, default: None = None, /) -> Any | None: ...
    @overload
    def get(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, key: str, default: Any | _Default, /
    ) -> Any | _Default: ...
    def keys(self) -> Keys: ...
    def values(self) -> Values: ...
    def items(self) -> Items: ...
    def json(self) -> bytes:
        """The JSON text."""

    def copy(self) -> dict[str, Any]:
        """A plain dict, detached from the event."""

    def to_dict(self) -> dict[str, Any]:
        """A plain dict, detached from the event."""

    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

class Event(ObjectView):
    """One immutable version of one event.

    Equal by JSON value, also to a dict; ``hash()`` is that of its ``eventID``;
    copies are itself.
    """

    @property
    def event_id(self) -> str:
        """The ``eventID``."""

    @classmethod
    def parse(cls, json: str | Buffer, /) -> Self:
        """An event from its JSON text; ValueError says where and why it is none."""

    @overload
    def diff(
        self,
        other: Event,
        include_timestamps: bool = False,
        *,
        update_type: None = None,
    ) -> Update: ...
    @overload
    def diff(
        self,
        other: Event,
        include_timestamps: bool = False,
        *,
        update_type: type[_UpdateT],
    ) -> _UpdateT: ...
    def quote_rows(
        self,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        alt_lines: bool = False,
    ) -> list[tuple[str, str, bool, Quote]]:
        """``(odd_id, bookmaker_id, is_alt_line, Quote)`` of each quote.

        ``odd_ids`` are globs, ``bookmaker_ids`` exact; None: all.
        """

    def quote_count(
        self,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        alt_lines: bool = False,
    ) -> int:
        """How many rows ``quote_rows()`` would give."""

    def __hash__(self) -> int: ...  # type: ignore[override]

@final
class ArrayView(Sequence[Any]):
    """A JSON array inside an event: an immutable Sequence over C memory."""

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, key: slice, /) -> list[Any]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __reversed__(self) -> Iterator[Any]: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __ge__(self, value: object, /) -> bool: ...
    def __gt__(self, value: object, /) -> bool: ...
    def __le__(self, value: object, /) -> bool: ...
    def __lt__(self, value: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def index(self, value: Any, start: int = 0, stop: int = ..., /) -> int: ...
    def count(self, value: Any, /) -> int: ...
    def json(self) -> bytes:
        """The JSON text."""

    def copy(self) -> list[Any]:
        """A plain list, detached from the event."""

    def to_list(self) -> list[Any]:
        """A plain list, detached from the event."""

    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any], /) -> Self: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Keys(KeysView[str]):
    """A set-like view of an object's keys."""

@final
class Values(ValuesView[Any]):
    """A view of an object's values."""

@final
class Items(ItemsView[str, Any]):
    """A set-like view of an object's ``(key, value)`` pairs."""

@final
class ViewIterator(Iterator[_T_co]):
    """The iterator of all views."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> _T_co: ...

@final
class Quote:
    """One bookmaker's price and line for one odd, at one moment."""

    def __new__(
        cls,
        odds: int | None = None,
        text: str | None = None,
        line: float | None = None,
        available: bool | None = None,
        last_updated_at: datetime | None = None,
        deeplink: str | None = None,
    ) -> Self: ...
    __match_args__ = (
        "odds",
        "text",
        "line",
        "available",
        "last_updated_at",
        "deeplink",
    )
    @property
    def odds(self) -> int | None:
        """American odds; None: no readable price."""

    @property
    def text(self) -> str | None:
        """The odds as the API wrote them."""

    @property
    def decimal(self) -> float | None:
        """The decimal price: -110 is 1.909."""

    @property
    def implied_probability(self) -> float | None:
        """1 / decimal, the bookmaker's margin included."""

    @property
    def line(self) -> float | None:
        """Spread or total; None for moneylines."""

    @property
    def available(self) -> bool | None:
        """Whether it can be bet on now."""

    @property
    def last_updated_at(self) -> datetime | None:
        """Aware, in UTC."""

    @property
    def deeplink(self) -> str | None:
        """The bookmaker's page."""

    def __eq__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

# --- updates ----------------------------------------------------------------

@disjoint_base
class Update:
    """What happened to one event, for one consumer."""

    @property
    def kind(self) -> Literal["added", "changed", "removed"]:
        """What happened."""

    @property
    def cause(
        self,
    ) -> Literal["snapshot", "notification", "resync", "poll", "expiry"]:
        """Why it comes."""

    @property
    def event(self) -> Event:
        """The new version; for ``removed`` the last one."""

    @property
    def previous(self) -> Event | None:
        """The version delivered before."""

    @property
    def event_id(self) -> str:
        """The ``eventID``."""

    @property
    def changes(self) -> Changes[Change]:
        """Every place that differs."""

    @property
    def quotes(self) -> Changes[QuoteChange]:
        """Quotes that differ."""

    @property
    def consensus(self) -> Changes[ConsensusChange]:
        """Consensus values that differ."""

    @property
    def skipped(self) -> int:
        """Versions conflated away."""

    @property
    def stale(self) -> bool:
        """True while not proven current."""

    @property
    def stream(self) -> Stream | None:
        """Whose it is; None: of no stream (``Event.diff``)."""

    @property
    def times(self) -> Times:
        """Moments of its way."""

_UpdateT = TypeVar("_UpdateT", bound=Update)

@final
class Changes(Sequence[_T_co]):
    """A read-only sequence whose items are made when asked for."""

    @overload
    def __getitem__(self, key: SupportsIndex, /) -> _T_co: ...
    @overload
    def __getitem__(self, key: slice, /) -> list[_T_co]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[_T_co]: ...
    def __reversed__(self) -> Iterator[_T_co]: ...
    def __eq__(self, value: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def index(self, value: Any, start: int = 0, stop: int = ..., /) -> int: ...
    def count(self, value: Any, /) -> int: ...

@final
class Change(tuple[tuple[str | int, ...], Any, Any]):
    """One place of an event that differs; MISSING is the side that lacks it."""

    def __new__(cls, path: tuple[str | int, ...], old: Any, new: Any) -> Self: ...
    __match_args__ = (
        "path",
        "old",
        "new",
    )
    @property
    def path(self) -> tuple[str | int, ...]:
        """Keys and positions that lead to the place."""

    @property
    def old(self) -> Any:
        """The value before, MISSING if there was none."""

    @property
    def new(self) -> Any:
        """The value now, MISSING if there is none."""

@final
class QuoteChange(tuple[str, str, str, bool, Quote | None, Quote | None]):
    """One bookmaker's quote that differs; None is the side that lacks it."""

    def __new__(
        cls,
        event_id: str,
        odd_id: str,
        bookmaker_id: str,
        is_alt_line: bool,
        old: Quote | None,
        new: Quote | None,
    ) -> Self: ...
    __match_args__ = (
        "event_id",
        "odd_id",
        "bookmaker_id",
        "is_alt_line",
        "old",
        "new",
    )
    @property
    def event_id(self) -> str:
        """The eventID."""

    @property
    def odd_id(self) -> str:
        """The key in odds."""

    @property
    def bookmaker_id(self) -> str:
        """The key in byBookmaker."""

    @property
    def is_alt_line(self) -> bool:
        """Whether it is an alternative line."""

    @property
    def old(self) -> Quote | None:
        """The Quote before, or None."""

    @property
    def new(self) -> Quote | None:
        """The Quote now, or None."""

@final
class ConsensusChange(tuple[str, str, str, Any, Any]):
    """One consensus value of an odd that differs; None is the side that lacks it."""

    def __new__(
        cls, event_id: str, odd_id: str, field: str, old: Any, new: Any
    ) -> Self: ...
    __match_args__ = (
        "event_id",
        "odd_id",
        "field",
        "old",
        "new",
    )
    @property
    def event_id(self) -> str:
        """The eventID."""

    @property
    def odd_id(self) -> str:
        """The key in odds."""

    @property
    def field(self) -> str:
        """The member's name: fairOdds, bookSpread, ..."""

    @property
    def old(self) -> Any:
        """The value before, or None."""

    @property
    def new(self) -> Any:
        """The value now, or None."""

@final
class Times(tuple[int | None, int | None, int | None, int | None, int | None]):
    """Epoch nanoseconds of an update's way; None: unknown."""

    def __new__(
        cls,
        notified: int | None,
        requested: int | None,
        received: int | None,
        applied: int | None,
        taken: int | None,
    ) -> Self: ...
    __match_args__ = (
        "notified",
        "requested",
        "received",
        "applied",
        "taken",
    )
    @property
    def notified(self) -> int | None:
        """When the notification arrived."""

    @property
    def requested(self) -> int | None:
        """When the request started."""

    @property
    def received(self) -> int | None:
        """When its answer was complete."""

    @property
    def applied(self) -> int | None:
        """When the version became the newest."""

    @property
    def taken(self) -> int | None:
        """When the update was taken."""

@final
class StreamState(tuple[str, str, bool, int, BaseException | None]):
    """A stream's state at one moment; serial grows with each change."""

    def __new__(
        cls,
        connection: str,
        phase: str,
        failed: bool,
        serial: int,
        error: BaseException | None,
    ) -> Self: ...
    __match_args__ = (
        "connection",
        "phase",
        "failed",
        "serial",
        "error",
    )
    @property
    def connection(self) -> str:
        """Of the connection, in pusher-js's words and polling."""

    @property
    def phase(self) -> str:
        """How far the stream is."""

    @property
    def failed(self) -> bool:
        """Whether it ended by an error."""

    @property
    def serial(self) -> int:
        """Grows with each change."""

    @property
    def error(self) -> BaseException | None:
        """The final error, or None."""

# --- client, stream, subscription, call -------------------------------------

@disjoint_base
class Client:
    """A key, its pool of documents, its sockets and streams."""

    def __new__(
        cls,
        *,
        api_key: str,
        base_url: str | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        odd_ids: Iterable[str] | None = None,
        include_alt_lines: bool = False,
        include_opposing_odds: bool = False,
        include_open_close_odds: bool = False,
        expand_results: bool = False,
        transport: Literal["auto", "websocket", "poll"] = "auto",
        timeout: float = 30.0,
        reconcile_interval: float = 300.0,
        linger: float = 60.0,
        poll_interval: float = 30.0,
        max_events: int = 20_000,
        max_bytes: int = ...,
        max_requests_in_flight: int = 6,
        proxy: str | None = None,
        ca_file: str | None = None,
        allow_auth_hosts: Iterable[str] | None = None,
        record_file: str | None = None,
        log_level: int = ...,
        seed: int = 0,
        activity_timeout: float | None = None,
        pong_timeout: float | None = None,
        event_type: type[Event] | None = None,
        update_type: type[Update] | None = None,
    ) -> Self: ...
    def stream(self, feed: str, params: dict[str, str] | None = None) -> Stream: ...
    def subscribe(
        self,
        streams: Stream | Iterable[Stream],
        /,
        *,
        event_ids: Iterable[str] | None = None,
        league_ids: Iterable[str] | None = None,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        include_timestamps: bool = False,
        initial: bool = True,
        conflate: bool = True,
        max_queue: int = 10_000,
        min_interval: float = 0.0,
        max_age: float | None = None,
        on_stale: Literal["raise", "mark"] = "raise",
        exclusive: bool = False,
    ) -> Subscription: ...
    def fetch(self, event_ids: Iterable[str], /) -> Call: ...
    def usage(self) -> Call: ...
    def stats(self) -> dict[str, int]: ...
    def take_report(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Wait for the oldest report: a dict with ``kind`` log, state, gap or error.

        None once the client is closed and all were taken.
        """

    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

@disjoint_base
class Stream:
    """One feed of a client."""

    def __new__(
        cls, client: Client, feed: str, params: dict[str, str] | None = None
    ) -> Self: ...
    @property
    def id(self) -> int:
        """Its number among the client's streams."""

    @property
    def client(self) -> Client: ...
    @property
    def event_count(self) -> int: ...
    def start(self) -> None: ...
    def close(self) -> None: ...
    def state(self) -> StreamState: ...
    def wait_live(self, timeout: float | None = None) -> None: ...
    def wait_closed(self, timeout: float | None = None) -> None: ...
    def wait_change(self, seen: int, timeout: float | None = None) -> None:
        """Wait until ``state().serial`` differs from ``seen``."""

    def event(self, event_id: str, /) -> Event | None: ...
    def events(self) -> list[Event]: ...
    def event_ids(self) -> list[str]: ...
    def staleness(self, event_id: str | None = None, /) -> tuple[float | None, str]:
        """(seconds since the last proof of currency, reason); KeyError: not held."""

    def stats(self) -> dict[str, Any]: ...

@disjoint_base
class Subscription:
    """A consumer's queue over one stream or several of one client."""

    def __new__(
        cls,
        streams: Stream | Iterable[Stream],
        /,
        *,
        event_ids: Iterable[str] | None = None,
        league_ids: Iterable[str] | None = None,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        include_timestamps: bool = False,
        initial: bool = True,
        conflate: bool = True,
        max_queue: int = 10_000,
        min_interval: float = 0.0,
        max_age: float | None = None,
        on_stale: Literal["raise", "mark"] = "raise",
        exclusive: bool = False,
    ) -> Self: ...
    @property
    def streams(self) -> tuple[Stream, ...]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Update: ...
    def get(self, timeout: float | None = None) -> Update:
        """Wait for the next update.

        TimeoutError also after ``wake()``; an error of kind ``closed`` after
        ``close()``.
        """

    def get_batch(self, max: int = 256, timeout: float | None = None) -> list[Update]:
        """Wait for updates and take up to ``max`` of them (at most 4,096).

        Empty when the time is up or after ``wake()``; an error of kind
        ``closed`` after ``close()``.
        """

    def take_nowait(self, max: int = 256) -> list[Update] | None:
        """The updates that are there; None once the subscription is closed."""

    def dispatch(
        self,
        callback: Callable[[Update], object],
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Take updates and call, until ``close()``.

        An Exception of ``callback`` goes to ``on_error``, without it to
        ``sys.unraisablehook``, and the loop goes on.  The final error of a
        stream is raised.
        """

    def fileno(self) -> int:
        """Readable while ``take_nowait()`` would give something."""

    def wake(self) -> None:
        """Make ``get()`` and ``get_batch()``, waiting now, time out."""

    def close(self) -> None: ...
    def stats(self) -> dict[str, int]: ...
    def pattern_matches(self) -> list[int]:
        """How often each pattern of ``odd_ids`` has matched, in their order."""

@final
class Call:
    """One request outside any stream, under way or done."""

    def wait(self, timeout: float | None = None) -> None: ...
    def cancel(self) -> None:
        """Withdraw it: nothing is tried any more. Done calls stay done."""

    @property
    def events(self) -> list[Event]: ...
    @property
    def json(self) -> str:
        """The JSON text of the answer's data."""

    def fileno(self) -> int:
        """A descriptor that turns readable with the answer."""
