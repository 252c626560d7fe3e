"""Quote, and the quotes of an event."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sgostream import _core

AT = datetime(2025, 8, 27, 20, 3, 50, 406000, tzinfo=UTC)


def event(
    books: dict[str, Any], odd_id: str = "points-home-game-ml-home"
) -> _core.Event:
    odds = {odd_id: {"oddID": odd_id, "byBookmaker": books}}
    return _core.Event.parse(json.dumps({"eventID": "e", "odds": odds}))


def read(members: dict[str, Any]) -> _core.Quote:
    ((_, _, _, quote),) = event({"alpha": members}).quote_rows()
    return quote


def test_a_quote_has_all_fields() -> None:
    quote = read(
        {
            "odds": "-110",
            "overUnder": "226.5",
            "available": False,
            "lastUpdatedAt": "2025-08-27T20:03:50.406Z",
            "deeplink": "https://book.example/é?a=1&b=\u0041",
        }
    )
    assert quote.odds == -110
    assert quote.text == "-110"
    assert quote.decimal == pytest.approx(1 + 100 / 110)
    assert quote.implied_probability == pytest.approx(110 / 210)
    assert quote.line == 226.5
    assert quote.available is False
    assert quote.last_updated_at == AT
    assert quote.last_updated_at.tzinfo is UTC
    assert quote.deeplink == "https://book.example/é?a=1&b=A"


def test_an_empty_quote_is_all_none() -> None:
    quote = read({})
    assert quote == _core.Quote()
    for name in ("odds", "text", "decimal", "implied_probability", "line"):
        assert getattr(quote, name) is None
    for name in ("available", "last_updated_at", "deeplink"):
        assert getattr(quote, name) is None


@pytest.mark.parametrize(
    ("text", "odds", "decimal"),
    [
        ("+150", 150, 2.5),
        ("-200", -200, 1.5),
        ("100", 100, 2.0),
        ("-100", -100, 2.0),
        ("EVEN", 100, 2.0),
        ("+100000", 100000, 1001.0),
        ("50", 50, None),
        ("1/2", None, None),
        ("", None, None),
        ("-1e2", None, None),
        ("9999999999999", None, None),
    ],
)
def test_american_odds(text: str, odds: int | None, decimal: float | None) -> None:
    quote = read({"odds": text})
    assert quote.odds == odds
    assert quote.text == text
    assert quote.decimal == decimal
    if decimal is None:
        assert quote.implied_probability is None
    else:
        assert quote.implied_probability == pytest.approx(1 / decimal)


def test_spread_is_a_line_too() -> None:
    assert read({"odds": "-110", "spread": "+1.5"}).line == 1.5
    assert read({"odds": "-110", "spread": "-7"}).line == -7.0
    assert read({"odds": "-110", "spread": "pick"}).line is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:59.999Z", datetime(1969, 12, 31, 23, 59, 59, 999000, UTC)),
        ("2000-02-29T12:00:00.5Z", datetime(2000, 2, 29, 12, 0, 0, 500000, UTC)),
        ("2100-03-01T00:00:00.000Z", datetime(2100, 3, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times(text: str, expected: datetime | None) -> None:
    assert read({"lastUpdatedAt": text}).last_updated_at == expected


def test_every_day_of_some_centuries() -> None:
    day = datetime(1890, 1, 1, 23, 59, 59, 1000, tzinfo=UTC)
    while day.year < 2110:
        assert _core.Quote(last_updated_at=day).last_updated_at == day
        day += timedelta(days=1, hours=5)


def test_construction_and_comparison() -> None:
    fields: dict[str, Any] = {
        "odds": -110,
        "text": "-110",
        "line": 1.5,
        "available": True,
        "last_updated_at": AT,
        "deeplink": "https://x.example",
    }
    quote = _core.Quote(**fields)
    assert quote == _core.Quote(*fields.values())
    assert hash(quote) == hash(_core.Quote(**fields))
    for name, other in (
        ("odds", 120),
        ("text", "x"),
        ("line", None),
        ("available", False),
        ("last_updated_at", None),
        ("deeplink", None),
    ):
        assert quote != _core.Quote(**{**fields, name: other})
    assert quote != "quote"
    eastern = AT.astimezone(timezone(timedelta(hours=-5)))
    assert _core.Quote(**{**fields, "last_updated_at": eastern}) == quote
    assert repr(_core.Quote(odds=-110)).startswith("Quote(odds=-110, text=None, ")
    assert (
        eval(repr(quote), {"Quote": _core.Quote, "datetime": __import__("datetime")})
        == quote
    )
    with pytest.raises(AttributeError):
        quote.odds = 1  # type: ignore[misc]


def test_construction_refuses_nonsense() -> None:
    with pytest.raises(TypeError):
        _core.Quote(odds="x")  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        _core.Quote(odds=1 << 40)
    with pytest.raises(TypeError):
        _core.Quote(text=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _core.Quote(line="1.5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="aware"):
        _core.Quote(last_updated_at=datetime(2025, 1, 1))  # noqa: DTZ001
    with pytest.raises(AttributeError):
        _core.Quote(last_updated_at="now")  # type: ignore[arg-type]


def test_pickling_and_copying() -> None:
    quote = read({"odds": "-110", "lastUpdatedAt": "2025-08-27T20:03:50.406Z"})
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(quote, protocol)) == quote
    assert copy.deepcopy(quote) == quote


def test_matching() -> None:
    match read({"odds": "-110", "available": True}):
        case _core.Quote(odds, available=True):
            assert odds == -110
        case _:
            pytest.fail("no match")


def test_a_quote_pins_nothing() -> None:
    quote = read({"odds": "-110"})  # its event is gone by now
    assert quote.text == "-110"


def test_rows_and_filters() -> None:
    books = {
        "alpha": {"odds": "-110", "altLines": [{"odds": "+200", "spread": "2.5"}]},
        "beta": {"odds": "+100"},
        "broken": 7,
    }
    got = event(books)
    assert [row[:3] for row in got.quote_rows()] == [
        ("points-home-game-ml-home", "alpha", False),
        ("points-home-game-ml-home", "beta", False),
    ]
    with_lines = got.quote_rows(alt_lines=True)
    assert [row[1:3] for row in with_lines] == [
        ("alpha", False),
        ("alpha", True),
        ("beta", False),
    ]
    assert with_lines[1][3].line == 2.5
    assert [row[1] for row in got.quote_rows(bookmaker_ids=["beta"])] == ["beta"]
    assert len(got.quote_rows(["points-*-game-*"])) == 2
    assert got.quote_rows(odd_ids=["rebounds-*"]) == []
    assert len(got.quote_rows(None, ("alpha", "beta"))) == 2
    assert len(got.quote_rows(iter(["points-*"]))) == 2
    assert _core.Event.parse('{"eventID":"e"}').quote_rows() == []


def test_bad_filters() -> None:
    got = event({})
    with pytest.raises(TypeError, match="sequence of str"):
        got.quote_rows("points-*")
    with pytest.raises(TypeError, match="must be a str"):
        got.quote_rows([1])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="NUL"):
        got.quote_rows(["a\0b"])
    with pytest.raises(ValueError, match=r"\S"):
        got.quote_rows([""])
    with pytest.raises(TypeError):
        got.quote_rows(5)  # type: ignore[arg-type]


def test_payloads_have_as_many_quotes_as_json(samples: Path) -> None:
    for path in sorted(samples.glob("events.*.json")):
        for plain in json.loads(path.read_bytes())["data"]:
            expected = [
                (odd_id, book, quote.get("odds"))
                for odd_id, odd in plain.get("odds", {}).items()
                for book, quote in odd.get("byBookmaker", {}).items()
            ]
            got = _core.Event.parse(json.dumps(plain)).quote_rows()
            assert [(odd, book, quote.text) for odd, book, _, quote in got] == expected
