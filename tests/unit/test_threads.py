"""Many threads on the same objects at once; most telling without a GIL.

Each test says what must hold whoever is first.  On a free-threaded Python they
run in parallel, on others they are cheap.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sgostream import _core

THREADS = 8
ROUNDS = 40
BOOKS = ("pinnacle", "draftkings", "fanduel")


def tree(number: int) -> dict[str, Any]:
    odds = {
        f"points-home-{n}q-ml-{number % 7}": {
            "fairOdds": f"{100 + n + number}",
            "byBookmaker": {
                book: {"odds": f"+{100 + n + number}", "available": True}
                for book in BOOKS
            },
        }
        for n in range(40)
    }
    return {"eventID": f"event{number}", "odds": odds, "list": list(range(50))}


def event(number: int, odds_of: int = 0) -> _core.Event:
    made = {**tree(odds_of), "eventID": f"event{number}", "number": odds_of}
    return _core.Event.parse(json.dumps(made))


def together(work: Callable[[int], object], threads: int = THREADS) -> list[Any]:
    """Run work(n) in threads that begin at once; their results, or their error."""
    gate = threading.Barrier(threads)
    results: list[Any] = [None] * threads
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            gate.wait(30)
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=run, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]
    return results


def test_everybody_gets_the_same_event_of_an_update() -> None:
    for number in range(ROUNDS):
        update = event(1, number).diff(event(1, number + 7))

        def look(_: int, update: _core.Update = update) -> tuple[int, int, str]:
            return id(update.event), id(update.previous), update.event_id

        assert len(set(together(look))) == 1


def test_changes_are_the_same_for_everybody() -> None:
    for number in range(ROUNDS // 2):
        update = event(1, number).diff(event(1, number + 7))

        def read(_: int, update: _core.Update = update) -> tuple[Any, ...]:
            return (
                [(change.path, str(change.new)) for change in update.changes],
                [(q.odd_id, q.bookmaker_id, q.new) for q in update.quotes],
                len(update.consensus),
            )

        first, *others = together(read)
        assert all(one == first for one in others)


def test_an_event_is_read_from_all_sides() -> None:
    for number in range(ROUNDS // 4):
        made = event(1, number)
        plain = made.to_dict()

        def read(_: int, made: _core.Event = made, plain: Any = plain) -> bool:
            odds = made["odds"]
            assert len(odds) == len(plain["odds"])
            for odd_id, odd in odds.items():
                assert odd["byBookmaker"]["fanduel"]["available"] is True
                assert odd == plain["odds"][odd_id]
            return made == plain and _core.to_plain([made]) == [plain]

        assert all(together(read))


def test_an_iterator_gives_each_item_once() -> None:
    for _ in range(ROUNDS):
        iterator = iter(event(1)["odds"])
        taken = [
            key for part in together(lambda _, i=iterator: list(i)) for key in part
        ]
        assert sorted(taken) == sorted(event(1)["odds"])


def test_keys_that_share_slots_are_never_mixed_up() -> None:
    names = [f"key{n}" for n in range(3000)]  # three times the cache's slots
    made = _core.Event.parse(json.dumps({"eventID": "x", **dict.fromkeys(names, 1)}))

    def read(number: int) -> bool:
        for _ in range(4):
            assert list(made)[1:] == names, number
        return True

    assert all(together(read))


def test_containers_that_others_change_meanwhile() -> None:
    made = event(1)
    shared_list: list[Any] = [made, 1]
    shared_dict: dict[str, Any] = made.to_dict()
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared_dict[f"new{number % 50}"] = [number]
            shared_dict.pop(f"new{(number + 25) % 50}", None)
            shared_list.append(number)
            if len(shared_list) > 60:
                del shared_list[2:]

    changer = threading.Thread(target=change)
    changer.start()
    try:

        def read(_: int) -> bool:
            for _ in range(30):
                try:
                    copy = _core.to_plain([shared_dict, shared_list])
                    assert copy[0]["eventID"] == "event1"
                except (IndexError, RuntimeError):
                    pass  # as of any loop over what changes
                assert (made == shared_dict) in (True, False)
                assert (made["list"] == shared_list) is False
            return True

        assert all(together(read, 4))
    finally:
        stop.set()
        changer.join(30)


def test_errors_are_made_while_the_factory_is_exchanged() -> None:
    class Made(Exception):
        pass

    client = _core.Client(api_key="k", base_url="http://127.0.0.1:9")
    client.close()
    old = _core.Error

    def work(number: int) -> bool:
        for _ in range(200):
            if number % 2:
                _core.set_error_factory(lambda *_: Made())
                _core.set_error_factory(None)
            else:
                with pytest.raises((Made, old)):
                    client.fetch(["x"])
        return True

    import sgostream

    try:
        assert all(together(work))
    finally:
        _core.set_error_factory(sgostream._make_error)


def test_importing_leaves_the_gil_as_it_was() -> None:
    program = (
        "import sys; is_on = getattr(sys, '_is_gil_enabled', lambda: True)\n"
        "before = is_on(); import sgostream; assert is_on() == before"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
