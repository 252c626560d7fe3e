"""How the public face reads to mypy and pyright: checked, never run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_type

import sgostream
from sgostream import Client, Event, Stream, Subscription, Update, types
from sgostream.testing import Game, OddsServer


def iterating() -> None:
    with sgostream.stream("events:live", timeout=30.0) as live:
        assert_type(live, Stream)
        for update in live:
            assert_type(update, Update)
            assert_type(update.event, Event)
            assert_type(update.previous, Event | None)
            for change in update.changes:
                assert_type(change.path, tuple[str | int, ...])
            for quote in update.quotes:
                assert_type(quote.event_id, str)


async def awaiting() -> None:
    async with Client(api_key="k", bookmaker_ids=["pinnacle"]) as client:
        async with client.upcoming("NFL") as nfl:
            await nfl.wait_live_async(timeout=5)
            async for update in nfl:
                assert_type(update, Update)
                break


def values(client: Client) -> None:
    live = client.live()
    events: Mapping[str, Event] = live.events
    event = events["id"]
    assert_type(event.event_id, str)
    assert_type(event.is_live, bool)
    assert_type(event.to_dict(), dict[str, Any])
    assert_type(event.json(), bytes)
    plain: Mapping[str, Any] = event  # an event is a Mapping
    assert plain


def inside_an_event(event: Event) -> None:
    assert_type(event["eventID"], str)
    assert_type(event["odds"], Mapping[str, types.Odd])
    odd = event["odds"]["points-home-game-ml-home"]
    assert_type(odd["fairOdds"], str)
    quotes = odd.get("byBookmaker")
    assert_type(quotes, Mapping[str, types.BookmakerQuote] | None)
    assert quotes is not None
    assert_type(quotes["pinnacle"]["available"], bool)
    assert_type(event["teams"]["home"]["names"]["long"], str)
    assert_type(event["teams"]["home"].get("score"), int | float | None)
    assert_type(event.get("teams"), types.Teams | None)
    assert_type(event["status"]["live"], bool)
    assert_type(event.status, types.Status)
    assert_type(event["newMember"], Any)
    assert_type(event.get("newMember"), Any | None)
    for odd_id, each in event["odds"].items():
        assert_type(odd_id, str)
        assert_type(each, types.Odd)
    for update_change in event.diff(event).changes:
        assert update_change
    assert_type(event.diff(event), Update)
    event["status"]["live"] = True  # type: ignore[typeddict-readonly-mutated]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    event["odds"]["x"]["nonsense"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]


def testing() -> None:
    with OddsServer() as server:
        game = server.add_event("NFL", odds={"a-b-c-ml-home": {"pinnacle": -110}})
        assert_type(game, Game)
        assert_type(server.stream("events:live", timeout=3.0), Stream)
        assert_type(server.wait_until(lambda: [1]), list[int])


def subscribing(client: Client) -> None:
    nfl, game = client.upcoming("NFL"), client.by_id("x")
    both = client.subscribe(nfl, game, conflate=False, max_queue=10)
    assert_type(both, Subscription)
    assert_type(both.get(timeout=1.0), Update)
    batch: Sequence[Update] = both.get_batch(max=10, timeout=0.5)
    assert batch


def callbacks(live: Stream) -> None:
    @live.on_update
    def bare(update: Update) -> None: ...

    @live.on_update(odd_ids=["points-*"])
    def called(update: Update) -> None: ...

    # The decorators give the function back.
    kept: list[Callable[[Update], None]] = [bare, called]
    assert kept


def positional_options_are_refused() -> None:
    Client("key")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Client(api_key=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
