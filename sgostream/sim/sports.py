"""Leagues, teams, markets and bookmakers that the event maker knows.

Names of leagues, teams and bookmakers are those of the world; players are
invented.
"""

from __future__ import annotations

from dataclasses import dataclass

BOOKMAKERS = (
    "draftkings", "fanduel", "betmgm", "caesars", "espnbet", "fanatics",
    "betrivers", "hardrockbet", "bet365", "bovada", "pinnacle", "unknown",
    "williamhill", "unibet", "betway", "bookmakereu", "betonline", "lowvig",
    "mybookie", "betus", "circa", "fliff", "prophetexchange", "pointsbet",
    "sportsbet", "ladbrokes", "neds", "tab", "tabtouch", "playup",
    "betrsportsbook", "888sport", "betfairexchange", "betfairsportsbook",
    "paddypower", "skybet", "coral", "boylesports", "betvictor", "casumo",
    "grosvenor", "leovegas", "livescorebet", "virginbet", "nordicbet",
    "betsson", "coolbet", "1xbet", "marathonbet", "matchbook", "everygame",
    "gtbets", "betanysports", "suprabets", "tipico", "ballybet", "betparx",
    "sugarhouse", "thescorebet", "prizepicks", "underdog",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """A part of a game; ``minutes`` of the sport's own clock."""

    period_id: str
    short: str
    long: str
    minutes: float


@dataclass(frozen=True, slots=True)
class Prop:
    """A market on a player's statistic: its mean over a whole game."""

    stat_id: str
    title: str
    mean: float
    yes_no: bool = False


@dataclass(frozen=True, slots=True)
class League:
    """What the maker needs to invent games of a league.

    ``steps`` are the points one score can bring, with their weights; ``total``
    and ``margin`` the means of a game; ``spread`` the deviation of the margin.
    """

    league_id: str
    sport_id: str
    periods: tuple[Period, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    stat_id: str
    steps: tuple[tuple[int, float], ...]
    total: float
    spread: float
    step: float
    draws: bool
    props: tuple[Prop, ...]
    roster: int
    teams: tuple[tuple[str, str, str], ...]
    season: str
    weight: float = 1.0
    persons: bool = False


def _periods(ids: str, name: str, count: int, minutes: float) -> tuple[Period, ...]:
    ordinal = ("1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 10)))
    return tuple(
        Period(f"{n + 1}{ids}", ordinal[n], f"{ordinal[n]} {name}", minutes)
        for n in range(count)
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _teams(text: str) -> tuple[tuple[str, str, str], ...]:
    out = []
    for line in text.strip().splitlines():
        short, place, name = (part.strip() for part in line.split("|"))
        out.append((place, name, short))
    return tuple(out)


_QUARTERS = (("1h", ("1q", "2q")), ("2h", ("3q", "4q")))

_NFL = League(
    "NFL", "FOOTBALL", _periods("q", "Quarter", 4, 15.0), _QUARTERS, "points",
    ((7, 0.55), (3, 0.40), (2, 0.02), (6, 0.03)), 45.5, 12.5, 0.5, False,
    (
        Prop("passing_yards", "Passing Yards", 235.0),
        Prop("passing_touchdowns", "Passing Touchdowns", 1.6),
        Prop("passing_completions", "Completions", 22.0),
        Prop("passing_attempts", "Pass Attempts", 33.0),
        Prop("passing_interceptions", "Interceptions", 0.8),
        Prop("rushing_yards", "Rushing Yards", 46.0),
        Prop("rushing_attempts", "Rush Attempts", 11.0),
        Prop("receiving_yards", "Receiving Yards", 48.0),
        Prop("receiving_receptions", "Receptions", 4.2),
        Prop("rushing+receiving_yards", "Rush + Rec Yards", 66.0),
        Prop("touchdowns", "Any Touchdowns", 0.5, yes_no=True),
        Prop("firstTouchdown", "First Touchdown", 0.1, yes_no=True),
        Prop("kicking_totalPoints", "Kicking Points", 7.5),
    ), 34,
    _teams("""
        BUF|Buffalo|Bills
        KC|Kansas City|Chiefs
        PHI|Philadelphia|Eagles
        DAL|Dallas|Cowboys
        SF|San Francisco|49ers
        BAL|Baltimore|Ravens
        DET|Detroit|Lions
        GB|Green Bay|Packers
        CIN|Cincinnati|Bengals
        LAR|Los Angeles|Rams
        MIA|Miami|Dolphins
        SEA|Seattle|Seahawks
    """), "NFL Week 12", 1.5,
)  # fmt: skip

_NBA = League(
    "NBA", "BASKETBALL", _periods("q", "Quarter", 4, 12.0), _QUARTERS,
    "points", ((2, 0.58), (3, 0.27), (1, 0.15)), 226.5, 12.0, 0.5, False,
    (
        Prop("points", "Points", 14.5),
        Prop("rebounds", "Rebounds", 5.2),
        Prop("assists", "Assists", 3.6),
        Prop("threePointersMade", "Three Pointers Made", 1.6),
        Prop("points+rebounds+assists", "Points + Rebounds + Assists", 23.0),
        Prop("points+rebounds", "Points + Rebounds", 19.5),
        Prop("points+assists", "Points + Assists", 18.0),
        Prop("steals", "Steals", 0.9),
        Prop("blocks", "Blocks", 0.7),
        Prop("blocks+steals", "Blocks + Steals", 1.6),
        Prop("turnovers", "Turnovers", 1.8),
        Prop("doubleDouble", "Double Double", 0.2, yes_no=True),
    ), 26,
    _teams("""
        BOS|Boston|Celtics
        DEN|Denver|Nuggets
        LAL|Los Angeles|Lakers
        MIA|Miami|Heat
        NYK|New York|Knicks
        OKC|Oklahoma City|Thunder
        MIN|Minnesota|Timberwolves
        MIL|Milwaukee|Bucks
        PHX|Phoenix|Suns
        DAL|Dallas|Mavericks
        CLE|Cleveland|Cavaliers
        GSW|Golden State|Warriors
    """), "NBA 2026-27", 1.5,
)  # fmt: skip

_MLB = League(
    "MLB", "BASEBALL", _periods("i", "Inning", 9, 20.0),
    (("1h", ("1i", "2i", "3i", "4i", "5i")),), "points",
    ((1, 0.62), (2, 0.24), (3, 0.10), (4, 0.04)), 8.5, 3.6, 0.5, False,
    (
        Prop("batting_hits", "Hits", 1.0),
        Prop("batting_totalBases", "Total Bases", 1.5),
        Prop("batting_homeRuns", "Home Runs", 0.2, yes_no=True),
        Prop("batting_RBI", "RBIs", 0.6),
        Prop("batting_hits+runs+rbi", "Hits + Runs + RBIs", 1.9),
        Prop("batting_stolenBases", "Stolen Bases", 0.2),
        Prop("batting_singles", "Singles", 0.7),
        Prop("batting_basesOnBalls", "Walks", 0.5),
        Prop("pitching_strikeouts", "Strikeouts", 5.5),
        Prop("pitching_outs", "Pitching Outs", 16.5),
        Prop("pitching_earnedRuns", "Earned Runs", 2.4),
        Prop("pitching_hits", "Hits Allowed", 4.9),
    ), 30,
    _teams("""
        NYY|New York|Yankees
        BOS|Boston|Red Sox
        LAD|Los Angeles|Dodgers
        ATL|Atlanta|Braves
        HOU|Houston|Astros
        CHC|Chicago|Cubs
        SEA|Seattle|Mariners
        PHI|Philadelphia|Phillies
        SD|San Diego|Padres
        TOR|Toronto|Blue Jays
    """), "MLB 2026",
)  # fmt: skip

_NHL = League(
    "NHL", "HOCKEY", _periods("p", "Period", 3, 20.0), (), "points",
    ((1, 1.0),), 6.0, 2.3, 0.5, False,
    (
        Prop("shots_onGoal", "Shots on Goal", 2.3),
        Prop("points", "Points", 0.7),
        Prop("goals", "Goals", 0.35, yes_no=True),
        Prop("assists", "Assists", 0.45),
        Prop("goals+assists", "Goals + Assists", 0.8),
        Prop("hits", "Hits", 1.7),
        Prop("blocks", "Blocked Shots", 1.4),
        Prop("faceOffs_won", "Faceoffs Won", 6.0),
        Prop("goalie_saves", "Saves", 26.0),
        Prop("firstGoal", "First Goal", 0.06, yes_no=True),
    ), 36,
    _teams("""
        BOS|Boston|Bruins
        TOR|Toronto|Maple Leafs
        MTL|Montréal|Canadiens
        NYR|New York|Rangers
        EDM|Edmonton|Oilers
        COL|Colorado|Avalanche
        VGK|Vegas|Golden Knights
        TBL|Tampa Bay|Lightning
        DAL|Dallas|Stars
        CAR|Carolina|Hurricanes
    """), "NHL 2026-27",
)  # fmt: skip

_SOCCER_PROPS = (
    Prop("shots", "Shots", 1.3),
    Prop("shots_onGoal", "Shots on Target", 0.6),
    Prop("points", "Goals", 0.25, yes_no=True),
    Prop("assists", "Assists", 0.15, yes_no=True),
    Prop("goals+assists", "Goals + Assists", 0.4),
    Prop("fouls", "Fouls Committed", 1.1),
    Prop("tackles", "Tackles", 1.6),
    Prop("passes_attempted", "Passes", 38.0),
    Prop("yellowCards", "Yellow Cards", 0.2, yes_no=True),
    Prop("goalie_saves", "Saves", 3.0),
    Prop("firstGoal", "First Goal", 0.09, yes_no=True),
)

_EPL = League(
    "EPL", "SOCCER", _periods("h", "Half", 2, 45.0), (), "points",
    ((1, 1.0),), 2.75, 1.7, 0.25, True, _SOCCER_PROPS, 40,
    _teams("""
        ARS||Arsenal
        CHE||Chelsea
        LIV||Liverpool
        MCI|Manchester|City
        MUN|Manchester|United
        NEW|Newcastle|United
        TOT|Tottenham|Hotspur
        AVL|Aston|Villa
        BHA|Brighton & Hove|Albion
        WHU|West Ham|United
    """), "EPL 26/27",
)  # fmt: skip

_BUNDESLIGA = League(
    "BUNDESLIGA", "SOCCER", _periods("h", "Half", 2, 45.0), (), "points",
    ((1, 1.0),), 3.0, 1.8, 0.25, True, _SOCCER_PROPS, 40,
    _teams("""
        FCB||Bayern München
        BVB|Borussia|Dortmund
        RBL|RB|Leipzig
        FCK|1. FC|Köln
        FCU|1. FC|Union Berlin
        BMG|Borussia|Mönchengladbach
        VFB|VfB|Stuttgart
        SGE|Eintracht|Frankfurt
    """), "Bundesliga 26/27", 0.7,
)  # fmt: skip


def _tennis(league_id: str, season: str) -> League:
    return League(
        league_id, "TENNIS", _periods("s", "Set", 3, 40.0), (), "points",
        ((1, 1.0),), 2.4, 1.2, 0.5, False, (), 0, (), season, 0.4, True,
    )  # fmt: skip


LEAGUES = {
    league.league_id: league
    for league in (
        _NFL,
        _NBA,
        _MLB,
        _NHL,
        _EPL,
        _BUNDESLIGA,
        _tennis("ATP", "ATP 500 Vienna, Austria Men Singles 2026"),
        _tennis("WTA", "WTA 250 Lyon, France Women Singles 2026"),
    )
}

FIRST_NAMES = _words("""
    Alden Brice Cole Dario Emil Felix Gavin Hugo Ivo Jonah Keon Luca Mateo
    Nico Orin Pavel Quinn Rafe Soren Tariq Ugo Viggo Wade Xavi Yannick Zane
    André Björn Ciarán Łukasz Miloš René Şerif Théo
""")
WOMEN = _words("""
    Alma Bianca Clara Daria Elise Freya Greta Hana Ines Jana Karla Lena
    Mira Nadia Olga Petra Renée Sára Tereza Zoë
""")
LAST_NAMES = _words("""
    Archer Bellamy Castellan Duvall Everhart Fontaine Grayling Hollis
    Ingram Jessup Kestrel Lockhart Marlowe Northcott Oakes Pemberton
    Quill Ravenel Sterling Thackeray Underhill Vance Whitlock Yardley
    Zeller Ashdown Birch Corwin Dray Ellery Farrow Gale Hearne Ives Jarrow
    Kerr Lisle Merrow Nash Orme Pell Rook Sable Tarn Vale Wren Ibáñez Ilić
    Müller Núñez Öztürk
""")
