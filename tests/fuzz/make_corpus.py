"""Write the corpora of the fuzz targets: python3 tests/fuzz/make_corpus.py.

Small inputs of every kind that the targets know, made up here; libFuzzer
grows them in the build folder, these stay as they are.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")
CUT = b"\xff"


def odd(price: int, at: str) -> dict[str, object]:
    quote = {"odds": f"{price:+d}", "available": True, "lastUpdatedAt": at}
    lines = [{**quote, "spread": "-1.5"}, {**quote, "spread": "+1.5"}]
    return {
        "oddID": "points-home-game-ml-home",
        "fairOdds": f"{price:+d}",
        "byBookmaker": {"pinnacle": {**quote, "altLines": lines}, "beta": quote},
    }


def event(number: int, price: int = 110) -> dict[str, object]:
    at = f"2026-01-01T00:00:{number % 60:02d}.000Z"
    return {
        "eventID": f"E{number}",
        "leagueID": "NBA",
        "status": {"live": True, "ended": False},
        "odds": {"points-home-game-ml-home": odd(price, at)},
    }


def text(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def documents() -> list[bytes]:
    return [
        text(event(1)),
        json.dumps(event(2), indent=1).encode(),
        b'{"eventID":"\\u0045\\ud83d\\ude00","a":[1,-0.5e+10,true,false,null,[],{}]}',
        b'{"a":1,"a":{"b":[[[[]]]]},"":"\\"\\\\\\/\\b\\f\\n\\r\\t"}',
        b'{"a":01}',
        b'{"a":"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"}',
        b"[" * 64 + b"]" * 64,
    ]


def pairs() -> list[bytes]:
    lines = b'{"altLines":[{"spread":"%d"},{"spread":"2"}]}'
    return [
        text(event(1)) + CUT + text(event(1, 120)),
        text(event(1)) + CUT + text({**event(1), "extra": [1, 2]}),
        b'{"a":[1,2,3],"b":{"c":1}}' + CUT + b'{"b":{},"a":[1,3]}',
        b'{"n":1.0,"s":"a"}' + CUT + b'{"s":"\\u0061","n":1}',
        lines % 1 + CUT + lines % 3,
        b'{"k":1,"k":2}' + CUT + b'{"k":2}',
    ]


def envelopes() -> list[bytes]:
    page = {"success": True, "nextCursor": "c2", "data": [event(1), event(2)]}
    boot = {
        "success": True,
        "data": [event(3)],
        "pusherKey": "k",
        "pusherOptions": {"cluster": "mt1"},
        "channel": "private-x",
    }
    bodies = [
        text(page),
        text(boot),
        text({"success": False, "error": "Invalid API key"}),
        text({"success": True, "data": {"rateLimits": {}}}),
        b'{"success":true,"data":[ ] } ',
        b"<html><body>502 Bad Gateway</body></html>",
        text(page)[:-40],
    ]
    return [bytes([n * 9 + 1]) + body for n, body in enumerate(bodies)]


def conversations() -> list[bytes]:
    def message(name: str, data: object, channel: str | None = None) -> bytes:
        said = {"event": name, "data": data}
        if channel:
            said["channel"] = channel
        return b"m" + text(said)

    hello = message(
        "pusher:connection_established",
        json.dumps({"socket_id": "1.2", "activity_timeout": 30}),
    )
    auth = b"a" + text({"auth": "key:0a1b2c"})
    joined = message("pusher_internal:subscription_succeeded", "{}", "private-events")
    ids = json.dumps([{"eventID": "E1"}, {"eventID": "E2"}])
    news = message("data", ids, "private-events")
    options = b"o" + text(
        {
            "cluster": "mt1",
            "wsHost": "ws.test",
            "wssPort": 443,
            "wsPath": "/p",
            "channelAuthorization": {
                "endpoint": "https://api.test/auth",
                "headers": {"x-api-key": "SECRETKEY", "X-Y": "a"},
                "params": {"p": "1"},
            },
        }
    )
    return [
        CUT.join([hello, auth, joined, news, news]),
        CUT.join([options, hello, auth, joined, news]),
        CUT.join([hello, b"c4200 restart", b"ttt", hello, auth, joined]),
        CUT.join([hello, message("pusher:error", {"code": 4001, "message": "x"})]),
        CUT.join([hello, message("pusher:ping", {}), b"t" * 40, b"t" * 40]),
        CUT.join([hello, auth, message("pusher:subscription_error", {"status": 403})]),
        CUT.join([hello, b"b\x00\x01", b"m{", b"m[]", b'm{"event":1}']),
    ]


def main() -> None:
    for name, inputs in (
        ("document", documents()),
        ("diff", pairs()),
        ("envelope", envelopes()),
        ("pusher", conversations()),
    ):
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(inputs):
            (folder / f"{number:02d}").write_bytes(content)


if __name__ == "__main__":
    main()
