"""Events, updates, streams and clients in a notebook: escaped, without the key."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from rig import Rig

from sgostream import Event
from sgostream._rich import line_text, main_line, odd_label


def bundle(obj: Any) -> dict[str, str]:
    data: dict[str, str] = obj._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"] == repr(obj)
    return data


class Balance(HTMLParser):
    """Every tag that opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_everything_shows_itself_and_never_the_key(rig: Rig) -> None:
    event_id = rig.sim.add_event(league="NFL", live=True)
    client = rig.client()
    live = client.live()
    shown = [bundle(client), bundle(live)]
    subscription = live.subscribe()
    added = subscription.get(timeout=20)
    live.wait_live(20)
    rig.sim.set_quote(event_id, "points-home-game-ml-home", "fanduel", odds="+4321")
    changed = subscription.get(timeout=20)
    shown += [bundle(x) for x in (added, changed, added.event, client, live)]
    client.close()
    shown += [bundle(client), bundle(live)]
    for data in shown:
        assert rig.sim.api_key not in str(data)
        Balance(data["text/html"])
    text = Balance(bundle(changed)["text/html"]).text
    assert "fanduel" in text
    assert "+4321" in text
    event = Balance(bundle(changed.event)["text/html"]).text
    assert "best price" in event
    assert "+4321" in event  # nobody offers more
    assert "live" in Balance(shown[6]["text/html"]).text


def test_only_what_is_asked_for() -> None:
    event = Event.parse('{"eventID":"a"}')
    assert set(event._repr_mimebundle_(include=["text/html"])) == {"text/html"}
    assert set(event._repr_mimebundle_(exclude=["text/html"])) == {"text/plain"}


NASTY = "<script>alert('x')</script>&\"'"


def nasty_event(odds: str = "-110") -> Event:
    quote = {"odds": odds, "available": True, "deeplink": NASTY}
    return Event.parse(
        json.dumps(
            {
                "eventID": NASTY,
                "leagueID": NASTY,
                "teams": {
                    side: {"names": {"medium": NASTY}, "score": 1}
                    for side in ("home", "away")
                },
                "status": {"displayShort": NASTY, "displayLong": NASTY},
                "odds": {
                    "points-home-game-ml-home": {
                        "marketName": NASTY,
                        "byBookmaker": {NASTY: quote},
                    },
                },
            }
        )
    )


def test_what_comes_from_outside_is_text_never_html() -> None:
    before, after = nasty_event(), nasty_event("+250")
    for obj in (before, before.diff(after)):
        page = bundle(obj)["text/html"]
        assert "<script" not in page
        assert NASTY in Balance(page).text


@pytest.mark.parametrize("text", ['{"eventID":"a"}', '{"eventID":"a","odds":{}}'])
def test_an_event_that_lacks_everything_shows_its_id(text: str) -> None:
    event = Event.parse(text)
    assert ">a<" in bundle(event)["text/html"]
    assert "no change" in bundle(event.diff(event))["text/html"]


def test_labels() -> None:
    event = Event.parse(
        '{"eventID":"a","teams":{"home":{"names":{"medium":"Bills"}}},"odds":'
        '{"passing_yards-X_1_NFL-game-ou-over":{"marketName":"X Passing Yards"}}}'
    )
    assert odd_label(event, "points-home-game-ml-home") == "Moneyline: Bills"
    assert odd_label(event, "points-away-game-sp-away") == "Spread: Away"
    assert odd_label(event, "points-all-1h-ou-under") == "1H total: Under"
    assert odd_label(event, "points-home-game-ou-over") == "Bills total: Over"
    assert odd_label(event, "points-all-reg-ml3way-not_draw") == "Result: Not draw"
    props = "passing_yards-X_1_NFL-game-ou-over"
    assert odd_label(event, props) == "X Passing Yards: Over"
    assert odd_label(event, "a-b-c-d-e") == "a d: E"
    assert odd_label(event, "strange") == "strange"
    assert line_text(3.5, "sp") == "+3.5"
    assert line_text(48.0, "ou") == "48"
    assert line_text(None) == ""


def test_the_main_line_is_the_most_frequent_one() -> None:
    assert main_line([1.5, 2.5, 2.5, None]) == 2.5
    assert main_line([1.5, 2.5]) == 1.5
    assert main_line([]) is None


def test_importing_brings_neither_ipython_nor_anywidget() -> None:
    code = (
        "import sys, sgostream, sgostream.notebook\n"
        "heavy = {'IPython', 'anywidget', 'ipywidgets', 'traitlets'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found\n"
        "import sgostream.notebook as nb; nb.Board, nb.Chart\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    bare = "import sys, sgostream; assert 'sgostream.notebook' not in sys.modules"
    subprocess.run([sys.executable, "-c", bare], check=True)
