"""What stands in an event, for type checkers and editors: the API's JSON.

Nothing here is needed to run; ``event["odds"][odd_id]["fairOdds"]`` is typed by
itself.  Import a name to annotate a function of your own::

    from sgostream.types import Odd

    def fair(odd: Odd) -> str:
        return odd["fairOdds"]

Members that all events of the API's examples have are required here; others
are ``NotRequired`` and read with ``.get()``: a score is absent before the
start, ``byBookmaker`` where no bookmaker has priced the odd.  Members that are
newer than this version are in the event nevertheless, of type ``Any``.

At run time the parts of an :class:`sgostream.Event` are immutable views with
the interface of a mapping, not ``dict``; ``event.to_dict()`` makes dicts.
Everything is ``ReadOnly``, so that type checkers refuse an assignment.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from typing_extensions import ReadOnly
elif sys.version_info >= (3, 13):
    from typing import ReadOnly
else:

    class ReadOnly:
        """Stands in for ``typing.ReadOnly`` of Python 3.13."""

        def __class_getitem__(cls, item: object) -> object:
            """The item itself."""
            return item


__all__ = [
    "Activity",
    "AltLine",
    "BookmakerQuote",
    "Broadcast",
    "EventData",
    "Info",
    "Links",
    "Odd",
    "Odds",
    "Periods",
    "Player",
    "Players",
    "Prop",
    "PropSide",
    "Referee",
    "Results",
    "Status",
    "Team",
    "TeamColors",
    "TeamNames",
    "Teams",
    "Venue",
]


class TeamNames(TypedDict):
    """Names of a side in three lengths; persons have first and last name too."""

    long: ReadOnly[str]
    medium: ReadOnly[str]
    short: ReadOnly[str]
    firstName: NotRequired[ReadOnly[str]]
    lastName: NotRequired[ReadOnly[str]]


class TeamColors(TypedDict, total=False):
    """Colours as ``#RRGGBB``; partial, and an empty string where unknown."""

    primary: ReadOnly[str]
    primaryContrast: ReadOnly[str]
    secondary: ReadOnly[str]
    secondaryContrast: ReadOnly[str]
    text: ReadOnly[str]


class Team(TypedDict):
    """One side of an event."""

    teamID: ReadOnly[str]
    statEntityID: ReadOnly[str]
    names: ReadOnly[TeamNames]
    colors: NotRequired[ReadOnly[TeamColors]]
    logo: NotRequired[ReadOnly[str]]
    score: NotRequired[ReadOnly[int | float]]


class Teams(TypedDict):
    """Both sides."""

    home: ReadOnly[Team]
    away: ReadOnly[Team]


class Periods(TypedDict):
    """Periods that have started and ended, by periodID."""

    started: ReadOnly[Sequence[str]]
    ended: ReadOnly[Sequence[str]]


class Status(TypedDict):
    """How far an event is."""

    #: ISO 8601, UTC, with milliseconds.
    startsAt: ReadOnly[str]
    hardStart: ReadOnly[bool]
    delayed: ReadOnly[bool]
    cancelled: ReadOnly[bool]
    started: ReadOnly[bool]
    live: ReadOnly[bool]
    ended: ReadOnly[bool]
    completed: ReadOnly[bool]
    finalized: ReadOnly[bool]
    #: Empty when there is none.
    currentPeriodID: ReadOnly[str]
    previousPeriodID: ReadOnly[str]
    displayShort: ReadOnly[str]
    displayLong: ReadOnly[str]
    oddsPresent: ReadOnly[bool]
    oddsAvailable: ReadOnly[bool]
    periods: NotRequired[ReadOnly[Periods]]
    inBreak: NotRequired[ReadOnly[bool]]
    reGrade: NotRequired[ReadOnly[bool]]
    #: Earlier starts of an event that was moved.
    previousStartsAt: NotRequired[ReadOnly[Sequence[str]]]


class Venue(TypedDict, total=False):
    """Where it takes place."""

    name: ReadOnly[str]
    address: ReadOnly[str]
    city: ReadOnly[str]
    regionName: ReadOnly[str]
    regionCode: ReadOnly[str]
    countryName: ReadOnly[str]
    countryCode: ReadOnly[str]
    capacity: ReadOnly[int]


class Referee(TypedDict, total=False):
    """Who referees."""

    name: ReadOnly[str]


class Broadcast(TypedDict, total=False):
    """Who shows it."""

    broadcasterID: ReadOnly[str]
    name: ReadOnly[str]
    type: ReadOnly[Literal["tv", "webstream", "subscription", "sportsbook"]]


class Info(TypedDict, total=False):
    """Season, venue, referee, broadcasts."""

    seasonWeek: ReadOnly[str]
    venue: ReadOnly[Venue]
    referee: ReadOnly[Referee]
    broadcasts: ReadOnly[Sequence[Broadcast]]


class Activity(TypedDict, total=False):
    """How much is going on."""

    count: ReadOnly[int]
    score: ReadOnly[int | float]


class Links(TypedDict, total=False):
    """Pages of the event."""

    #: bookmakerID to URL.
    bookmakers: ReadOnly[Mapping[str, str]]


class Player(TypedDict):
    """One player of the event."""

    playerID: ReadOnly[str]
    name: ReadOnly[str]
    teamID: NotRequired[ReadOnly[str]]
    firstName: NotRequired[ReadOnly[str]]
    lastName: NotRequired[ReadOnly[str]]
    nickname: NotRequired[ReadOnly[str]]
    alias: NotRequired[ReadOnly[str]]
    photo: NotRequired[ReadOnly[str]]
    status: NotRequired[
        ReadOnly[
            Literal[
                "ir",
                "active",
                "out",
                "suspended",
                "questionable",
                "doubtful",
                "probable",
            ]
        ]
    ]
    statusDetails: NotRequired[ReadOnly[str]]


class AltLine(TypedDict):
    """One alternative line of a quote (``include_alt_lines=True``)."""

    odds: ReadOnly[str]
    available: ReadOnly[bool]
    lastUpdatedAt: ReadOnly[str]
    spread: NotRequired[ReadOnly[str]]
    overUnder: NotRequired[ReadOnly[str]]


class BookmakerQuote(TypedDict):
    """One bookmaker's price and line: a value of ``byBookmaker``.

    ``event.quotes()`` and ``update.quotes`` give the same as
    :class:`sgostream.Quote`, with numbers.
    """

    #: American odds as text: ``"-110"``, ``"+105"``.
    odds: ReadOnly[str]
    available: ReadOnly[bool]
    #: ISO 8601, UTC, with milliseconds.
    lastUpdatedAt: ReadOnly[str]
    #: ``"+1.5"``: signed.
    spread: NotRequired[ReadOnly[str]]
    #: ``"226.5"``: unsigned.
    overUnder: NotRequired[ReadOnly[str]]
    deeplink: NotRequired[ReadOnly[str]]
    altLines: NotRequired[ReadOnly[Sequence[AltLine]]]
    #: Opening and closing values, with ``include_open_close_odds=True``.
    openOdds: NotRequired[ReadOnly[str]]
    openSpread: NotRequired[ReadOnly[str]]
    openOverUnder: NotRequired[ReadOnly[str]]
    closeOdds: NotRequired[ReadOnly[str]]
    closeSpread: NotRequired[ReadOnly[str]]
    closeOverUnder: NotRequired[ReadOnly[str]]
    #: Only in old events: take the id from the key.
    bookmakerID: NotRequired[ReadOnly[str]]
    isMainLine: NotRequired[ReadOnly[bool]]


class Odd(TypedDict):
    """One side of one market: a value of ``odds``.

    ``fair*`` is the consensus without margin, ``book*`` with it; texts, as in
    :class:`BookmakerQuote`.
    """

    #: ``{statID}-{statEntityID}-{periodID}-{betTypeID}-{sideID}``.
    oddID: ReadOnly[str]
    opposingOddID: NotRequired[ReadOnly[str]]
    marketName: ReadOnly[str]
    statID: ReadOnly[str]
    statEntityID: ReadOnly[str]
    periodID: ReadOnly[str]
    betTypeID: ReadOnly[str]
    sideID: ReadOnly[str]
    playerID: NotRequired[ReadOnly[str]]
    started: ReadOnly[bool]
    ended: ReadOnly[bool]
    cancelled: ReadOnly[bool]
    bookOddsAvailable: ReadOnly[bool]
    fairOddsAvailable: ReadOnly[bool]
    scoringSupported: NotRequired[ReadOnly[bool]]
    fairOdds: ReadOnly[str]
    bookOdds: NotRequired[ReadOnly[str]]
    fairSpread: NotRequired[ReadOnly[str]]
    bookSpread: NotRequired[ReadOnly[str]]
    fairOverUnder: NotRequired[ReadOnly[str]]
    bookOverUnder: NotRequired[ReadOnly[str]]
    openFairOdds: NotRequired[ReadOnly[str]]
    openBookOdds: NotRequired[ReadOnly[str]]
    openFairSpread: NotRequired[ReadOnly[str]]
    openBookSpread: NotRequired[ReadOnly[str]]
    openFairOverUnder: NotRequired[ReadOnly[str]]
    openBookOverUnder: NotRequired[ReadOnly[str]]
    closeFairOdds: NotRequired[ReadOnly[str]]
    closeBookOdds: NotRequired[ReadOnly[str]]
    closeFairSpread: NotRequired[ReadOnly[str]]
    closeBookSpread: NotRequired[ReadOnly[str]]
    closeFairOverUnder: NotRequired[ReadOnly[str]]
    closeBookOverUnder: NotRequired[ReadOnly[str]]
    #: What the odd was settled by, during or after the event.
    score: NotRequired[ReadOnly[int | float]]
    #: bookmakerID to quote; absent where nobody has priced the odd.
    byBookmaker: NotRequired[ReadOnly[Mapping[str, BookmakerQuote]]]


class PropSide(TypedDict, total=False):
    """One side of a prop."""

    sideID: ReadOnly[str]
    sideDisplay: ReadOnly[str]


class Prop(TypedDict, total=False):
    """One question of an event of type ``prop``."""

    statID: ReadOnly[str]
    propTitle: ReadOnly[str]
    propDetails: ReadOnly[str]
    numericScoring: ReadOnly[bool]
    sides: ReadOnly[Mapping[str, PropSide]]


#: oddID to odd.
Odds = Mapping[str, Odd]
#: playerID to player.
Players = Mapping[str, Player]
#: periodID to statEntityID to statID to value; empty before the start.
Results = Mapping[str, Mapping[str, Mapping[str, int | float]]]


class EventData(TypedDict):
    """A whole event."""

    eventID: ReadOnly[str]
    sportID: ReadOnly[str]
    leagueID: ReadOnly[str]
    type: ReadOnly[Literal["match", "tournament", "prop"]]
    status: ReadOnly[Status]
    odds: ReadOnly[Odds]
    #: Absent in events of type ``prop``.
    teams: NotRequired[ReadOnly[Teams]]
    players: NotRequired[ReadOnly[Players]]
    results: NotRequired[ReadOnly[Results]]
    info: NotRequired[ReadOnly[Info]]
    activity: NotRequired[ReadOnly[Activity]]
    links: NotRequired[ReadOnly[Links]]
    manual: NotRequired[ReadOnly[bool]]
    #: Only in events of type ``prop``.
    props: NotRequired[ReadOnly[Mapping[str, Prop]]]
