"""The commands, their options and help; what they do is in modules of their own."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import typer

from .. import __version__
from .._options import KEY_VARIABLE, URL_VARIABLE, Transport
from .common import Connect, Exit, Feeds, guarded

__all__ = ["app"]

_EPILOG = (
    f"The API key comes from the environment variable {KEY_VARIABLE}, or from a "
    "prompt in a terminal; there is no option for it on purpose: arguments are seen "
    "by everybody on the machine. Exit status: 0 done, 1 failed, 2 wrong usage, "
    "3 key missing or refused, 4 a limit, 130 interrupted."
)

app = typer.Typer(
    name="sgostream",
    help="Real-time sports odds in the terminal.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LEAGUES = (
    "NFL", "NCAAF", "NBA", "NCAAB", "WNBA", "MLB", "NHL", "EPL", "LA_LIGA",
    "BUNDESLIGA", "IT_SERIE_A", "FR_LIGUE_1", "MLS", "UEFA_CHAMPIONS_LEAGUE",
    "ATP", "WTA", "UFC", "PGA_MEN",
)  # fmt: skip


def _complete_league(incomplete: str) -> list[str]:
    return [name for name in _LEAGUES if name.startswith(incomplete.upper())]


# -- options that several commands have ----------------------------------------

_FEED = "What to follow"
_REACH = "How to reach the API"
_SHAPE = "What of an event is fetched"

LiveOpt = Annotated[
    bool,
    typer.Option(
        "--live",
        help="All games in progress; the default when no other feed is named.",
        rich_help_panel=_FEED,
    ),
]
UpcomingOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--upcoming",
        "-u",
        metavar="LEAGUE",
        help="Games of a league that have odds and have not started, as NFL; "
        "may be given several times.",
        autocompletion=_complete_league,
        rich_help_panel=_FEED,
    ),
]
EventOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        "-e",
        metavar="ID",
        help="One event; may be given several times.",
        rich_help_panel=_FEED,
    ),
]
FeedOpt = Annotated[
    str | None,
    typer.Option(
        "--feed",
        metavar="NAME",
        help="A feed by name, also one that this version does not know.",
        rich_help_panel=_FEED,
    ),
]
ParamOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter of --feed.",
        rich_help_panel=_FEED,
    ),
]
BookmakerOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--bookmaker",
        "-b",
        metavar="ID",
        help="Fetch the prices of these bookmakers only, as pinnacle: much less "
        "memory and traffic.",
        rich_help_panel=_SHAPE,
    ),
]
AltLinesOpt = Annotated[
    bool,
    typer.Option("--alt-lines", help="Alternative lines too.", rich_help_panel=_SHAPE),
]
BaseUrlOpt = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help=f"Default: {URL_VARIABLE}, else the vendor's.",
        rich_help_panel=_REACH,
    ),
]
CaFileOpt = Annotated[
    str | None,
    typer.Option(
        "--ca-file",
        metavar="PEM",
        help="Trusted roots. Default: SSL_CERT_FILE, else the system's.",
        rich_help_panel=_REACH,
    ),
]
ProxyOpt = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="Default: HTTPS_PROXY, ALL_PROXY and NO_PROXY; '' for none.",
        rich_help_panel=_REACH,
    ),
]
TransportOpt = Annotated[
    str,
    typer.Option(
        "--transport",
        metavar="auto|websocket|poll",
        help="'poll' works with every plan; streaming needs AllStar or a custom one.",
        rich_help_panel=_REACH,
    ),
]
TimeoutOpt = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="For one request.",
        min=0.1,
        rich_help_panel=_REACH,
    ),
]
MaxBytesOpt = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        metavar="BYTES",
        help="Bound of what is held in memory. Default 2 GiB.",
        min=1,
        rich_help_panel=_SHAPE,
    ),
]
RecordOpt = Annotated[
    str | None,
    typer.Option(
        "--record",
        metavar="FILE",
        help="Record what the network brings, without the key, for a bug report.",
        rich_help_panel=_REACH,
    ),
]
JsonOpt = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
SecondsOpt = Annotated[
    float | None,
    typer.Option("--seconds", metavar="N", help="End after so many seconds.", min=0),
]


def _transport(value: str) -> Transport:
    if value not in ("auto", "websocket", "poll"):
        raise typer.BadParameter(
            f"{value!r} is none of auto, websocket, poll", param_hint="--transport"
        )
    return cast(Transport, value)


def _tuple(values: list[str] | None) -> tuple[str, ...]:
    return tuple(values or ())


# -- the commands ---------------------------------------------------------------


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sgostream {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it."),
    ] = False,
) -> None:
    del version


@app.command(
    epilog="Examples: `sgostream watch` · `sgostream watch -u NFL -u NBA -b pinnacle "
    "-b draftkings` · `sgostream watch --market spread --odds decimal`"
)
@guarded(interrupted=Exit.OK)
def watch(
    live: LiveOpt = False,
    upcoming: UpcomingOpt = None,
    event: EventOpt = None,
    feed: FeedOpt = None,
    param: ParamOpt = None,
    bookmaker: BookmakerOpt = None,
    market: Annotated[
        Literal["moneyline", "spread", "total"],
        typer.Option("--market", "-m", help="Shown first; the key m switches."),
    ] = "moneyline",
    odds: Annotated[
        Literal["american", "decimal", "implied"],
        typer.Option("--odds", "-o", help="Shown first; the key o switches."),
    ] = "american",
    sport: Annotated[
        str, typer.Option("--sport", "-s", help="As BASKETBALL; the key s switches.")
    ] = "",
    plain: Annotated[
        bool, typer.Option("--plain", help="One line per update, as when piped.")
    ] = False,
    seconds: SecondsOpt = None,
    base_url: BaseUrlOpt = None,
    ca_file: CaFileOpt = None,
    proxy: ProxyOpt = None,
    transport: TransportOpt = "auto",
    timeout: TimeoutOpt = 30.0,
    max_bytes: MaxBytesOpt = None,
    record: RecordOpt = None,
) -> None:
    """A live board: games, scores, prices by bookmaker; the best is marked.

    Moves flash green or red and fade; beside each price stands its age; a red
    banner says when prices may be old. Keys: s sport, m market, o odds format,
    arrows scroll, space pauses, q quits.
    """
    from .watch import WatchOptions, run

    connect = Connect(
        base_url, ca_file, proxy, _transport(transport), timeout, _tuple(bookmaker),
        False, max_bytes, record,
    )  # fmt: skip
    feeds = Feeds(live, _tuple(upcoming), _tuple(event), feed, _tuple(param))
    run(connect, feeds, WatchOptions(market, odds, sport, plain, seconds))


@app.command(
    epilog="Examples: `sgostream tail` · `sgostream tail --quotes --odd "
    "'points-*-game-ml-*'` · `sgostream tail --json --no-initial | jq .title`"
)
@guarded(interrupted=Exit.OK)
def tail(
    live: LiveOpt = False,
    upcoming: UpcomingOpt = None,
    event: EventOpt = None,
    feed: FeedOpt = None,
    param: ParamOpt = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per update.")
    ] = False,
    quotes: Annotated[
        bool, typer.Option("--quotes", help="One line per price that moved.")
    ] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="With --json: every change too.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="With --json: the whole event too.")
    ] = False,
    initial: Annotated[
        bool,
        typer.Option(
            "--initial/--no-initial", help="Begin with the events that are held."
        ),
    ] = True,
    league: Annotated[
        list[str] | None,
        typer.Option(
            "--league",
            "-l",
            help="Show events of these leagues only.",
            autocompletion=_complete_league,
        ),
    ] = None,
    odd: Annotated[
        list[str] | None,
        typer.Option("--odd", help="Show these odds only; * and ? are wild."),
    ] = None,
    every: Annotated[
        float,
        typer.Option(
            "--every",
            metavar="SECONDS",
            help="At most one update of an event in so long.",
            min=0,
        ),
    ] = 0.0,
    max_age: Annotated[
        float | None,
        typer.Option(
            "--max-age",
            metavar="SECONDS",
            help="Tell, as an update marked stale, what is not proven for so long.",
            min=0.001,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", help="End after so many updates.", min=1),
    ] = None,
    seconds: SecondsOpt = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")
    ] = False,
    bookmaker: BookmakerOpt = None,
    alt_lines: AltLinesOpt = False,
    base_url: BaseUrlOpt = None,
    ca_file: CaFileOpt = None,
    proxy: ProxyOpt = None,
    transport: TransportOpt = "auto",
    timeout: TimeoutOpt = 30.0,
    max_bytes: MaxBytesOpt = None,
    record: RecordOpt = None,
) -> None:
    """One line, or one JSON object, per update: for pipes.

    Updates go to stdout; states of the connection, repaired gaps and errors
    that mend themselves go to stderr.
    """  # fmt: skip
    from .tail import TailOptions, run

    connect = Connect(
        base_url, ca_file, proxy, _transport(transport), timeout, _tuple(bookmaker),
        alt_lines, max_bytes, record,
    )  # fmt: skip
    feeds = Feeds(live, _tuple(upcoming), _tuple(event), feed, _tuple(param))
    options = TailOptions(
        as_json=as_json,
        quotes=quotes,
        changes=changes,
        full=full,
        initial=initial,
        league_ids=_tuple(league),
        odd_ids=_tuple(odd),
        every=every,
        max_age=max_age,
        count=count,
        seconds=seconds,
        quiet=quiet,
    )
    run(connect, feeds, options)


@app.command(
    epilog="Examples: `sgostream get mg55OPFOORFcu5v3FvfO --json` · `sgostream get "
    "--live` · `sgostream get --upcoming NFL --json > nfl.ndjson`"
)
@guarded()
def get(
    event_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Events; '-' reads ids from stdin."),
    ] = None,
    live: LiveOpt = False,
    upcoming: UpcomingOpt = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The API's JSON, one event per line.")
    ] = False,
    bookmaker: BookmakerOpt = None,
    alt_lines: AltLinesOpt = False,
    base_url: BaseUrlOpt = None,
    ca_file: CaFileOpt = None,
    proxy: ProxyOpt = None,
    timeout: TimeoutOpt = 30.0,
) -> None:
    """Events once, by id or by feed; serves every plan, takes no stream.

    Each event costs one object of the plan.
    """
    from .get import run

    connect = Connect(
        base_url, ca_file, proxy, "auto", timeout, _tuple(bookmaker), alt_lines
    )
    feeds = Feeds(live, _tuple(upcoming))
    run(connect, feeds, event_ids or (), as_json=as_json)


@app.command(epilog="Examples: `sgostream usage` · `sgostream usage --json`")
@guarded()
def usage(
    as_json: JsonOpt = False,
    base_url: BaseUrlOpt = None,
    ca_file: CaFileOpt = None,
    proxy: ProxyOpt = None,
    timeout: TimeoutOpt = 30.0,
) -> None:
    """The key's plan and limits, and what is left of them; costs nothing."""
    from .usage import run

    run(Connect(base_url, ca_file, proxy, "auto", timeout), as_json=as_json)


@app.command(
    epilog="Examples: `sgostream doctor` · `sgostream doctor --upcoming NFL` · "
    "`sgostream doctor --json | jq .cause`"
)
@guarded()
def doctor(
    live: LiveOpt = False,
    upcoming: UpcomingOpt = None,
    event: EventOpt = None,
    feed: FeedOpt = None,
    param: ParamOpt = None,
    as_json: JsonOpt = False,
    wait: Annotated[
        float,
        typer.Option(
            "--wait", metavar="SECONDS", help="For the first notification.", min=0
        ),
    ] = 45.0,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", metavar="SECONDS", help="For each other step.", min=0.1
        ),
    ] = 15.0,
    bookmaker: BookmakerOpt = None,
    base_url: BaseUrlOpt = None,
    ca_file: CaFileOpt = None,
    proxy: ProxyOpt = None,
    timeout: TimeoutOpt = 30.0,
    max_bytes: MaxBytesOpt = None,
) -> None:
    """What works between here and live odds, what does not, and what to do.

    Tries proxy, DNS, TCP, TLS and clock, then key, limits, plan, stream slots,
    bootstrap, socket, authorisation, subscription, the first notification, a
    refetch and memory, each with its time. Takes one stream for as long, and one
    object of the plan per event of the feed. Exit status 1: something is broken.
    """
    from .doctor import run

    connect = Connect(
        base_url, ca_file, proxy, "websocket", timeout, _tuple(bookmaker), False,
        max_bytes,
    )  # fmt: skip
    feeds = Feeds(live, _tuple(upcoming), _tuple(event), feed, _tuple(param))
    run(connect, feeds, as_json=as_json, patience=patience, wait=wait)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
@guarded(interrupted=Exit.OK)
def sim(context: typer.Context) -> None:
    """A local copy of the API, to try programs without a key: sim --help."""
    try:
        from ..sim.__main__ import main
    except ImportError as error:
        raise ValueError(str(error)) from None
    raise typer.Exit(main(context.args, prog="sgostream sim"))


@app.command(epilog="Examples: `sgostream demo` · `sgostream demo --rate 80`")
@guarded(interrupted=Exit.OK)
def demo(
    events: Annotated[
        int, typer.Option("--events", help="Games on the slate.", min=1)
    ] = 12,
    rate: Annotated[
        float, typer.Option("--rate", help="Changed events per second.", min=0)
    ] = 8.0,
    size: Annotated[
        int | None, typer.Option("--size", help="Bytes of an event. [0.9 MB]", min=1)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same slate.")] = 7,
    seconds: SecondsOpt = None,
    updates: Annotated[
        int | None, typer.Option("--updates", help="End after so many.", min=1)
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="One line per update, as when piped.")
    ] = False,
) -> None:
    """The board on invented games, from the simulator: no key, no network."""
    from .demo import DemoOptions, run
    from .watch import WatchOptions

    run(
        DemoOptions(events, rate, size, seed),
        WatchOptions(plain=plain, seconds=seconds, updates=updates),
    )
