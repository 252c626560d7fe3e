"""Peer 1: the vendor's Python example (requests, Pysher, json), repaired.

Repaired: it authorises the presence channel, which Pysher cannot do with this
API's signature; it keeps what it fetched and compares.  And it is given what
costs a user nothing: one session, so that connections are kept.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pysher
import requests
from report import API_KEY, BASE_URL, CA_FILE, GIL_MODE, TOUCHED, Report

EVENTS: dict[str, Any] = {}
MISSING: Any = object()


def differences(
    old: Any, new: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Every leaf of two dicts that differs; equal subtrees are passed over."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in new.items():
            before = old.get(key, MISSING)
            if before is MISSING or before != value:
                yield from differences(before, value, (*path, key))
        for key in old:
            if key not in new:
                yield (*path, key), old[key], MISSING
    else:
        yield path, old, new


def quote_at(event: dict[str, Any], odd_id: str, book: str) -> Any:
    """A quote, or None."""
    return event["odds"].get(odd_id, {}).get("byBookmaker", {}).get(book)


def price_of(quote: Any) -> Any:
    """What a user wants to know of a quote."""
    return quote and (quote.get("odds"), quote.get("spread", quote.get("overUnder")))


def prices(report: Report, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Hand the quotes of which more than the time stamp changed to the user."""
    seen: dict[tuple[str, str], None] = {}
    for path, _, _ in differences(old, new):
        if len(path) > 3 and path[0] == "odds" and path[2] == "byBookmaker":
            if path[-1] != "lastUpdatedAt":
                seen[path[1], path[3]] = None
    for odd_id, book in list(seen)[: TOUCHED if GIL_MODE else None]:
        report.price(
            new["eventID"],
            odd_id,
            book,
            price_of(quote_at(old, odd_id, book)),
            price_of(quote_at(new, odd_id, book)),
        )


def main() -> None:
    """Follow the live feed until the driver ends this process."""
    session = requests.Session()
    session.trust_env = False  # no proxy, no other roots
    session.verify = CA_FILE
    session.headers["x-api-key"] = API_KEY
    report = Report()
    info = session.get(f"{BASE_URL}/stream/events", params={"feed": "events:live"})
    bootstrap = info.json()
    del info
    for event in bootstrap.pop("data"):
        EVENTS[event["eventID"]] = event
    del event
    report.first()

    def handle_update(data: str) -> None:
        ids = ",".join(item["eventID"] for item in json.loads(data))
        answer = session.get(f"{BASE_URL}/events", params={"eventIDs": ids})
        began = time.thread_time_ns()
        for event in answer.json()["data"]:
            old = EVENTS.get(event["eventID"])
            if old is not None:
                prices(report, old, event)
            EVENTS[event["eventID"]] = event
            report.held_ns.append(time.thread_time_ns() - began)
            report.update(event["eventID"], event["benchVersion"])

    options = bootstrap["pusherOptions"]
    pusher = pysher.Pusher(
        bootstrap["pusherKey"],
        custom_host=options["wsHost"],
        port=options["wssPort"],
        log_level=logging.WARNING,
    )
    pusher.connection.socket_kwargs["sslopt"] = {"ca_certs": CA_FILE}
    subscribed = threading.Event()

    def connected(data: str) -> None:
        name = bootstrap["channel"]
        authorisation = options["channelAuthorization"]
        answer = session.post(
            authorisation["endpoint"],
            headers=authorisation["headers"],
            data={
                "socket_id": json.loads(data)["socket_id"],
                "channel_name": name,
            },
        ).json()
        channel = pysher.channel.Channel(name, pusher.connection)
        pusher.channels[name] = channel
        channel.bind("data", handle_update)
        channel.bind(
            "pusher_internal:subscription_succeeded", lambda _: subscribed.set()
        )
        pusher.connection.send_event(
            "pusher:subscribe",
            {
                "channel": name,
                "auth": answer["auth"],
                "channel_data": answer["channel_data"],
            },
        )

    pusher.connection.bind("pusher:connection_established", connected)
    pusher.connect()
    if not subscribed.wait(60):
        raise TimeoutError("not subscribed within 60 s")
    report.ready(len(EVENTS), version=f"requests {requests.__version__}")
    threading.Event().wait()


main()
