"""The socket: protocol 7, presence, refusals, silence, scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from simclient import get, run, socket

from sgostream.sim import ConnectionScript, Simulator

LIVE = "presence-events-live"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(seed=1) as simulator:
        yield simulator


@pytest.mark.parametrize("https", [False, True], ids=["ws", "wss"])
def test_a_change_is_announced(sim: Simulator, https: bool) -> None:
    event_id = sim.add_event()

    async def body() -> None:
        async with socket(sim, https=https) as one:
            success = await one.subscribe(LIVE)
            assert success["event"] == "pusher_internal:subscription_succeeded"
            assert success["channel"] == LIVE
            presence = json.loads(success["data"])["presence"]
            assert presence["count"] == len(presence["ids"]) == 1
            assert set(presence["hash"]) == set(presence["ids"])
            sim.patch(event_id, ("teams", "home", "score"), 3)
            data = await one.message()
            assert (data["event"], data["channel"]) == ("data", LIVE)
            assert json.loads(data["data"]) == [{"eventID": event_id}]

    run(body())


def test_only_the_right_channels_are_told(sim: Simulator) -> None:
    live = sim.add_event(league="NFL")
    later = sim.add_event(league="NFL", live=False)
    other = sim.add_event(league="NBA", live=False)

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe("presence-events-upcoming-NFL")
            await one.subscribe(f"presence-events-byid-{live}")
            for event_id in (other, live, later):
                sim.patch(event_id, ("info", "x"), 1)
            told = [await one.message(), await one.message()]
            assert [
                (m["channel"], json.loads(m["data"])[0]["eventID"]) for m in told
            ] == [
                (f"presence-events-byid-{live}", live),
                ("presence-events-upcoming-NFL", later),
            ]
            # The start is told on the channel that is left, too.
            sim.patch(
                later, values={("status", "started"): True, ("status", "live"): True}
            )
            assert (await one.message())["channel"] == "presence-events-upcoming-NFL"

    run(body())


def test_suppressed_changes_are_not_announced(sim: Simulator) -> None:
    event_id = sim.add_event()

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
            with sim.suppressed():
                sim.patch(event_id, ("info", "x"), 1)
            sim.patch(event_id, ("info", "x"), 2, notify=False)
            assert sim.notify(["some", "ids"], LIVE) == 1
            data = json.loads((await one.message())["data"])
            assert data == [{"eventID": "some"}, {"eventID": "ids"}]

    run(body())


def test_many_ids_come_in_messages_of_legal_size(sim: Simulator) -> None:
    ids = [f"{n:020d}" for n in range(1000)]

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
            count = sim.notify(ids, LIVE)
            assert count == 4
            got = []
            for _ in range(count):
                data = (await one.message())["data"]
                assert len(data) <= 10_240
                got += [item["eventID"] for item in json.loads(data)]
            assert got == ids

    run(body())


def test_anything_can_be_sent(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
            sim.emit(LIVE, [1, 2])
            assert (await one.message())["data"] == "[1,2]"
            sim.pusher.data_as_object = True
            sim.emit(LIVE, [1, 2], "other")
            message = await one.message()
            assert (message["event"], message["data"]) == ("other", [1, 2])
            assert sim.emit(LIVE, '{"event":', raw=True) == 1
            found = await one.ws.receive()
            assert found.data == '{"event":'

    run(body())


def test_members_of_a_channel(sim: Simulator) -> None:
    sim.add_key("other")

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
            async with socket(sim) as same:
                await same.subscribe(LIVE)  # no second member
                async with socket(sim, api_key="other") as two:
                    success = await two.subscribe(LIVE)
                    assert json.loads(success["data"])["presence"]["count"] == 2
                    added = await one.message()
                    assert added["event"] == "pusher_internal:member_added"
                    user = json.loads(added["data"])["user_id"]
                assert (await same.message())["event"] == added["event"]
                removed = await one.message()
                assert removed["event"] == "pusher_internal:member_removed"
                assert json.loads(removed["data"]) == {"user_id": user}
            sim.wait(lambda: len(sim.connections()) == 1)
            await one.send("pusher:ping", {})
            assert (await one.message())["event"] == "pusher:pong"

    run(body())


def test_wrong_subscriptions_are_refused(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:

            async def refused(data: Any) -> str:
                await one.send("pusher:subscribe", data)
                message = await one.message()
                assert message["event"] == "pusher:error"
                assert message["data"]["code"] is None
                return str(message["data"]["message"])

            rights = one.authorise(LIVE)
            assert "missing" in (await refused({"channel": LIVE})).lower()
            wrong = {**rights, "channel_data": '{"user_id": "x"}'}
            text = await refused({"channel": LIVE, **wrong})
            assert text.startswith("Invalid signature: Expected HMAC SHA256 hex digest")
            assert "Invalid signature" in await refused(
                {"channel": "presence-events-other", **rights}
            )
            assert "Invalid key" in await refused(
                {"channel": LIVE, **rights, "auth": "x:y"}
            )
            await one.subscribe(LIVE)
            assert "Existing subscription" in await refused({"channel": LIVE, **rights})
            await one.send("pusher:unsubscribe", {"channel": "nothing"})
            assert "No current" in (await one.message())["data"]["message"]

    run(body())


def test_channel_data_is_signed_as_it_stands(sim: Simulator) -> None:
    sim.settings.channel_data = '{"user_id":"\\u00e9\\/ é" , "user_info":{"a":1}}'

    async def body() -> None:
        async with socket(sim) as one:
            success = await one.subscribe(LIVE)
            hash_ = json.loads(success["data"])["presence"]["hash"]
            assert hash_ == {"é/ é": {"a": 1}}

    run(body())


def test_public_channels_and_unsubscribing(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:
            await one.send("pusher:subscribe", {"channel": "news"})
            assert (await one.message())["channel"] == "news"
            assert sim.subscriptions() == {"news": 1}
            await one.send("pusher:unsubscribe", {"channel": "news"})
            sim.wait(lambda: not sim.subscriptions())
            assert sim.emit("news", {}) == 0

    run(body())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 4008),
        ("protocol=x", 4006),
        ("protocol=3", 4007),
        ("protocol=8", 4007),
        ("protocol=7", 4001),
    ],
)
def test_refusals_by_code(sim: Simulator, query: str, code: int) -> None:
    if code == 4001:
        sim.pusher.key = "another"
        url = sim.ws_url.replace("another", "wrong")
    else:
        url = sim.ws_url

    async def body() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}?{query}") as ws,
        ):
            first = json.loads((await ws.receive()).data)
            assert first["event"] == "pusher:error"
            assert first["data"]["code"] == code
            await ws.receive()
            assert ws.close_code == code

    run(body())


def test_connection_quota_and_tls_only(sim: Simulator) -> None:
    sim.pusher.max_connections = 1

    async def body() -> None:
        async with socket(sim), socket(sim, greet=False) as two:
            assert (await two.message())["data"]["code"] == 4004
            assert await two.closed() == 4004
        sim.pusher.tls_only = True
        async with socket(sim, greet=False) as three:
            assert await three.closed() == 4000
        async with socket(sim, https=True) as four:
            assert four.socket_id

    run(body())


def test_stream_slots(sim: Simulator) -> None:
    sim.configure(max_streams=1)
    params = {"feed": "events:live"}

    async def body() -> None:
        async with socket(sim) as one:
            assert get(sim, "/stream/events", params).status == 200
            await one.subscribe(LIVE)
            reply = get(sim, "/stream/events", params)
            assert reply.status == 403
            assert "stream limit" in reply.json["error"]
            sim.settings.slots_status = 429
            assert get(sim, "/stream/events", params).status == 429
        sim.wait(lambda: not sim.connections())
        assert get(sim, "/stream/events", params).status == 200

    run(body())


def test_pings_both_ways(sim: Simulator) -> None:
    sim.pusher.activity_timeout = 0.1
    sim.pusher.pong_timeout = 0.1

    async def body() -> None:
        async with socket(sim) as one:
            await one.ws.ping(b"payload")
            found = await one.ws.receive()
            assert found.type is aiohttp.WSMsgType.PONG
            assert found.data == b"payload"
            assert (await one.message())["event"] == "pusher:ping"
            await one.send("pusher:pong", {})
            assert (await one.message())["event"] == "pusher:ping"
            assert (await one.message())["data"]["code"] == 4201
            assert await one.closed() == 4201

    run(body())


def test_junk_from_the_client_is_survived(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:
            for text in ("", "{", "[]", "1", '{"event":1}', '{"data":{}}'):
                await one.ws.send_str(text)
                assert (await one.message())["data"]["code"] == 4200
            await one.ws.send_bytes(b"x")
            assert (await one.message())["data"]["code"] == 4200
            await one.send("pusher:subscribe", [])
            assert (await one.message())["event"] == "pusher:error"
            await one.send("client-x", {})
            assert (await one.message())["data"]["code"] == 4301
            await one.send("pusher:ping", {})
            assert (await one.message())["event"] == "pusher:pong"

    run(body())


def test_a_frame_that_is_too_large_ends_the_socket(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:
            await one.ws.send_str("x" * 70_000)
            assert await one.closed() == 1009

    run(body())


def test_closing_and_cutting_from_outside(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one, socket(sim) as two:
            assert sim.disconnect(4200, "soon", socket_id=one.socket_id) == 1
            assert await one.closed() == 4200
            assert sim.disconnect(error=4201) == 1
            assert (await two.message())["data"]["code"] == 4201
            assert await two.closed() == 1006
        async with socket(sim) as three:
            sim.disconnect()
            assert await three.closed() == 1006

    run(body())


def test_a_muted_socket_is_open_and_dead(sim: Simulator) -> None:
    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
            sim.mute()
            sim.notify(["x"], LIVE)
            await one.send("pusher:ping", {})
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(one.ws.receive(), 0.1)
            sim.mute(False)
            await one.send("pusher:ping", {})
            assert (await one.message())["event"] == "pusher:pong"

    run(body())


@pytest.mark.parametrize(
    ("script", "events", "code"),
    [
        (ConnectionScript(close=4100, close_at="open"), [], 4100),
        (ConnectionScript(close=4200), ["pusher:connection_established"], 4200),
        (ConnectionScript(reset=True, close=1), ["pusher:connection_established"], 0),
        (ConnectionScript(error=4004), ["pusher:error"], None),
        (ConnectionScript(first='{"event":"x"}'), ["x"], None),
        (ConnectionScript(first="", close=4302, close_at="open"), [], 4302),
    ],
)
def test_scripts_of_the_beginning(
    sim: Simulator, script: ConnectionScript, events: list[str], code: int | None
) -> None:
    sim.script(script)

    async def body() -> None:
        async with socket(sim, greet=False) as one:
            if not script.reset:
                for event in events:
                    assert (await one.message())["event"] == event
            if code is not None:
                assert await one.closed() == (code or 1006)
        async with socket(sim) as two:  # the script is used up
            assert two.socket_id

    run(body())


@pytest.mark.parametrize(
    ("how", "event", "code"),
    [
        ("auth-error", "pusher:subscription_error", 401),
        ("internal-error", "pusher_internal:subscription_error", 401),
        ("invalid-signature", "pusher:error", None),
        ("4009", "pusher:error", 4009),
        ('{"event":"odd"}', "odd", None),
    ],
)
def test_scripts_of_subscriptions(
    sim: Simulator, how: str, event: str, code: int | None
) -> None:
    sim.script(ConnectionScript(subscribe=how), times=0)

    async def body() -> None:
        async with socket(sim) as one:
            message = await one.subscribe(LIVE)
            assert message["event"] == event
            data = message.get("data", {})
            assert data.get("status", data.get("code")) == code

    run(body())


@pytest.mark.parametrize("form", ["string", "object", "absent"])
def test_forms_of_success(sim: Simulator, form: str) -> None:
    sim.script(ConnectionScript(success_data=form))

    async def body() -> None:
        async with socket(sim) as one:
            kind = type((await one.subscribe(LIVE)).get("data"))
            names = {"string": str, "object": dict, "absent": type(None)}
            assert kind is names[form]

    run(body())


def test_a_held_and_a_cut_upgrade(sim: Simulator) -> None:
    held = sim.hold("/app/*", method="WS")

    async def late() -> None:
        async with socket(sim) as one:
            assert one.socket_id

    async def body() -> None:
        task = asyncio.create_task(late())
        await asyncio.to_thread(held.wait_arrived)
        assert sim.pusher.opened == 0
        held.release()
        await task
        sim.rule("/app/*", method="WS", reset="before", times=2)  # aiohttp insists
        with pytest.raises(aiohttp.ClientError):
            await late()
        await late()

    run(body())


def test_a_refused_upgrade(sim: Simulator) -> None:
    sim.script(ConnectionScript(status=503))

    async def body() -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with socket(sim):
                pass
        assert caught.value.status == 503

    run(body())
    assert [r.status for r in sim.requests()] == [503]


def test_a_lost_socket_holds_its_slot_for_a_while(sim: Simulator) -> None:
    sim.configure(max_streams=1, ghost_seconds=60.0)
    params = {"feed": "events:live"}

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe(LIVE)
        sim.wait(lambda: not sim.connections())
        assert get(sim, "/stream/events", params).status == 200  # it said goodbye
        async with socket(sim) as two:
            await two.subscribe(LIVE)
            sim.disconnect()
            sim.wait(lambda: not sim.pusher.connections)
            assert get(sim, "/stream/events", params).status == 403
            sim.settings.ghost_seconds = 0.0
            assert get(sim, "/stream/events", params).status == 200

    run(body())
