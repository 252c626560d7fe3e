"""Event, ObjectView and ArrayView: an event's JSON as Python sees it."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import sys
import threading
import weakref
from collections.abc import (
    ItemsView,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from pathlib import Path
from typing import Any

import pytest

from sgostream import _core

PLAIN: dict[str, Any] = {
    "eventID": "e1",
    "text": "plain",
    "empty": "",
    "accents": "Köln – 東京 😀",
    "numbers": [0, -1, 7, 1.5, -0.25, 1e3, 12345678901234567890123, 10**18],
    "flags": [True, False, None],
    "nested": {"a": {"b": [{"c": 1}, {"c": 2}]}, "x": {}},
    "list": [],
}


def event(plain: object = None) -> _core.Event:
    return _core.Event.parse(json.dumps(PLAIN if plain is None else plain))


def inside(value: object, **more: Any) -> Any:
    """Return `value` as it comes out of an event's member."""
    return event({"eventID": "e", "v": value, **more})["v"]


# --- parsing


def test_parse_takes_text_and_bytes_alike() -> None:
    text = json.dumps(PLAIN)
    body = text.encode()
    for source in (text, body, bytearray(body), memoryview(body)):
        assert _core.Event.parse(source) == PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        '{"a":1}',
        '{"eventID":1}',
        '{"eventID":"e",}',
        "{'eventID':1}",
    ],
)
def test_parse_refuses_what_is_no_event(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        _core.Event.parse(text)


def test_parse_refuses_other_types() -> None:
    for wrong in (None, 1, PLAIN, ["x"]):
        with pytest.raises(TypeError):
            _core.Event.parse(wrong)  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        _core.Event.parse("\ud800")


def test_only_parse_makes_events() -> None:
    for kind in (_core.Event, _core.ObjectView, _core.ArrayView, _core.Keys):
        with pytest.raises(TypeError, match="cannot create"):
            kind()
        with pytest.raises(TypeError):
            object.__new__(kind)


def test_parse_of_a_subclass_gives_its_instances() -> None:
    class Mine(_core.Event):
        __slots__ = ("note",)

    mine = Mine.parse(json.dumps(PLAIN))
    assert type(mine) is Mine
    mine.note = "x"
    assert mine == event()
    assert mine.event_id == "e1"
    with pytest.raises(TypeError):
        Mine()
    # The classmethod is found in the subclass again when it is unpickled.
    assert mine.__reduce__()[0].__self__ is Mine


def test_types_are_immutable() -> None:
    for kind in (_core.Event, _core.ObjectView, _core.ArrayView, _core.Change):
        with pytest.raises(TypeError):
            kind.extra = 1


# --- reading


def test_event_reads_as_json_loads_does() -> None:
    got = event()
    assert got.event_id == "e1"
    assert got.to_dict() == PLAIN
    assert got.copy() == PLAIN
    assert type(got.to_dict()) is dict
    assert type(got.to_dict()["nested"]["a"]["b"]) is list
    assert got["accents"] == PLAIN["accents"]
    assert got["empty"] == ""


@pytest.mark.parametrize(
    "literal",
    [
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "999999999999999999",
        "-999999999999999999",
        "1000000000000000000",
        "-9223372036854775809",
        "1" * 400,
        "-" + "9" * 600,
        "1.0",
        "1e3",
        "1E-3",
        "0.1",
        "-2.5e+10",
        "1e400",
        "-1e400",
        "5e-324",
        "1e-400",
        "3.141592653589793238462643383279",
        "123456789.000000000000000000000000000001",
    ],
)
def test_numbers_as_json_loads_gives_them(literal: str) -> None:
    got = _core.Event.parse('{"eventID":"e","v":' + literal + "}")["v"]
    expected = json.loads(literal)
    assert type(got) is type(expected)
    assert got == expected
    assert str(got) == str(expected)  # the sign of zero


@pytest.mark.parametrize(
    "literal",
    [
        r'"\u0041\n\t\"\\\/\b\f\r"',
        r'"\ud83d\ude00"',
        r'"\ud83d"',
        r'"\ude00\ud83d"',
        r'"x\ud800y\udfffz"',
        r'"\u0000"',
        '"' + r"\u00e9" * 300 + '"',
        '"' + "é" * 300 + '"',
        '"' + "a" * 5000 + r"\n" + '"',
    ],
)
def test_strings_as_json_loads_gives_them(literal: str) -> None:
    got = _core.Event.parse('{"eventID":"e","v":' + literal + "}")["v"]
    assert got == json.loads(literal)


def test_escaped_keys_are_found_decoded() -> None:
    text = r'{"eventID":"e","a\u0062c":1,"\ud83d":2,"q\"q":3,"é":4,"":5}'
    got, expected = _core.Event.parse(text), json.loads(text)
    assert list(got) == list(expected)
    for key, value in expected.items():
        assert key in got
        assert got[key] == value
    assert "abc" in got
    assert r"a\u0062c" not in got


def test_of_equal_keys_the_last_wins() -> None:
    text = '{"eventID":"a","k":1,"eventID":"b","k":{"z":2},"m":3}'
    got, expected = _core.Event.parse(text), json.loads(text)
    assert got == expected
    assert list(got) == list(expected)
    assert len(got) == 3
    assert got.event_id == "b"


def test_missing_and_foreign_keys() -> None:
    got = event()
    with pytest.raises(KeyError, match="'nope'"):
        got["nope"]
    for key in (1, None, b"text", ("text",)):
        assert key not in got
        with pytest.raises(KeyError):
            got[key]  # type: ignore[index]
    assert got.get("nope") is None
    assert got.get("nope", 7) == 7
    assert got.get("text", 7) == "plain"
    with pytest.raises(TypeError):
        got.get()  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        got.get("a", 1, 2)  # type: ignore[call-overload]


def test_events_cannot_be_changed() -> None:
    got = event()
    with pytest.raises(TypeError):
        got["text"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        del got["text"]  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        got["numbers"][0] = 1
    with pytest.raises(AttributeError):
        got.event_id = "x"  # type: ignore[misc]


def test_keys_values_items() -> None:
    got = event()["nested"]
    plain = PLAIN["nested"]
    assert list(got) == list(got.keys()) == list(plain)
    assert list(got.values()) == list(plain.values())
    assert list(got.items()) == list(plain.items())
    assert dict(got) == plain
    assert {**got} == plain
    assert len(got.keys()) == len(got.values()) == len(got.items()) == 2
    assert ("x", {}) in got.items()
    assert ("x", {"y": 1}) not in got.items()
    assert "x" not in got.items()
    assert {} in got.values()
    assert "zzz" not in got.values()


def test_key_views_are_sets() -> None:
    keys = event()["nested"].keys()
    assert keys == {"a", "x"}
    assert keys == PLAIN["nested"].keys()
    assert {"a", "x"} == keys
    assert keys != {"a"}
    assert keys & {"a", "q"} == {"a"}
    assert {"a", "q"} & keys == {"a"}
    assert keys | {"q"} == {"a", "x", "q"}
    assert keys - {"a"} == {"x"}
    assert {"a", "q"} - keys == {"q"}
    assert keys ^ {"a", "q"} == {"x", "q"}
    assert keys <= {"a", "x", "y"}
    assert keys < {"a", "x", "y"}
    assert not keys < {"a", "x"}
    assert keys >= {"a"}
    assert keys > {"a"}
    assert keys.isdisjoint({"q"})
    assert not keys.isdisjoint(["q", "x"])
    assert keys != ["a", "x"]
    with pytest.raises(TypeError):
        hash(keys)
    flat = inside({"a": 1, "b": 2})
    assert flat.items() & {("a", 1), ("b", 3)} == {("a", 1)}
    assert flat.items() == {"b": 2, "a": 1}.items()


def test_views_are_registered_with_the_abstract_classes() -> None:
    got = event()
    assert isinstance(got, Mapping)
    assert isinstance(got["nested"], Mapping)
    assert isinstance(got["list"], Sequence)
    assert not isinstance(got, Sequence)
    assert not isinstance(got["list"], Mapping)
    assert isinstance(got.keys(), KeysView)
    assert isinstance(got.values(), ValuesView)
    assert isinstance(got.items(), ItemsView)
    assert isinstance(got, _core.ObjectView)


def test_match_statement() -> None:
    match event():
        case [*_]:
            pytest.fail("an event is no sequence")
        case {
            "nested": {"a": {"b": [{"c": 1}, second]}},
            "flags": [True, *rest],
            **more,
        }:
            assert second == {"c": 2}
            assert rest == [False, None]
            assert "text" in more
            assert "nested" not in more
        case _:
            pytest.fail("no match")


def test_mappings_are_not_reversible() -> None:
    with pytest.raises(TypeError):
        reversed(event())  # type: ignore[call-overload]


# --- arrays


def test_arrays_are_sequences() -> None:
    got, plain = event()["numbers"], PLAIN["numbers"]
    assert len(got) == len(plain)
    assert list(got) == plain
    assert [got[i] for i in range(-len(plain), len(plain))] == plain + plain
    assert list(reversed(got)) == plain[::-1]
    for i in (len(plain), -len(plain) - 1, sys.maxsize, 10**30):
        with pytest.raises(IndexError):
            got[i]
    with pytest.raises(TypeError, match="not str"):
        got["0"]
    assert got.to_list() == got.copy() == plain
    assert not event()["list"]
    assert len(event()["list"]) == 0


@pytest.mark.parametrize(
    "part",
    [
        slice(None),
        slice(1, 3),
        slice(-3, None),
        slice(None, None, -1),
        slice(6, 0, -2),
        slice(99, 100),
        slice(None, -100),
    ],
)
def test_slices_are_lists(part: slice) -> None:
    got = event()["numbers"][part]
    assert type(got) is list
    assert got == PLAIN["numbers"][part]


def test_count_index_contains() -> None:
    got = inside([1, "a", None, True, 1.0, [1], {"k": 1}, 1])
    assert got.count(1) == 3
    assert got.count(True) == 1  # as JSON values, true is not 1
    assert got.count("b") == 0
    assert got.count([1]) == 1
    assert got.index("a") == 1
    assert got.index(1, 1) == 4
    assert got.index(1, -2) == 7
    assert got.index({"k": 1}) == 6
    with pytest.raises(ValueError, match="'a' is not in"):
        got.index("a", 2)
    with pytest.raises(ValueError, match="1 is not in"):
        got.index(1, 1, 3)
    assert None in got
    assert "x" not in got
    assert {"k": 1} in got
    assert [2] not in got


# --- equality, hash, copies


def test_equality_is_by_json_value() -> None:
    a = event()
    b = _core.Event.parse(json.dumps(dict(reversed(PLAIN.items())), indent=1))
    assert a == b
    assert a.json() != b.json()
    assert a == PLAIN
    assert a == PLAIN
    assert a["nested"] == PLAIN["nested"]
    assert a["numbers"] == PLAIN["numbers"]
    assert a["numbers"] == b["numbers"]
    assert a != {**PLAIN, "text": "other"}
    assert a != {k: v for k, v in PLAIN.items() if k != "text"}
    assert a != {**PLAIN, "more": 1}
    assert a["numbers"] != PLAIN["numbers"][:-1]
    assert a["numbers"] != [*PLAIN["numbers"], 1]
    assert a["numbers"] != tuple(PLAIN["numbers"])
    assert a != "e1"
    assert a != None  # noqa: E711
    with pytest.raises(TypeError):
        a < b  # type: ignore[operator]  # noqa: B015


def test_true_is_not_one_but_one_is_one_point_zero() -> None:
    assert inside({"k": True}) != {"k": 1}
    assert inside({"k": 1}) != {"k": True}
    assert inside({"k": 0}) != {"k": False}
    assert inside({"k": 1}) == {"k": 1.0}
    assert inside([1.0]) == inside([1])
    assert inside([True]) != inside([1])
    assert inside([None]) != inside([False])


def test_equality_with_views_inside_plain_objects() -> None:
    got = event()
    assert got == {key: got[key] for key in got}
    assert inside([[1], {"a": 2}]) == [inside([1]), inside({"a": 2})]


def test_equality_passes_exceptions_on() -> None:
    class Bad:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no comparing")

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(RuntimeError, match="no comparing"):
        inside([1]) == [Bad()]  # noqa: B015


def test_equality_survives_a_list_that_shrinks_meanwhile() -> None:
    victims: list[Any] = []

    class Shrinks:
        def __eq__(self, other: object) -> bool:
            victims.clear()
            return True

        __hash__ = None  # type: ignore[assignment]

    victims[:] = [Shrinks(), 2, 3]
    assert inside([1, 2, 3]) != victims


def test_hash_is_that_of_the_event_id() -> None:
    assert hash(event()) == hash("e1")
    assert {event(): 1}[event()] == 1
    for view in (event()["nested"], event()["list"]):
        with pytest.raises(TypeError, match="unhashable"):
            hash(view)


def test_copies_are_the_object_itself() -> None:
    got = event()
    for value in (got, got["nested"], got["list"]):
        assert copy.copy(value) is value
        assert copy.deepcopy(value) is value
    assert copy.deepcopy([got, got])[0] is got


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol: int) -> None:
    got = event()
    again = pickle.loads(pickle.dumps(got, protocol))
    assert type(again) is _core.Event
    assert again == got
    assert again.json() == got.json()
    small = pickle.dumps(got["nested"]["x"], protocol)
    assert pickle.loads(small) == {}
    assert b"plain" not in small  # its subtree only
    nested = pickle.loads(pickle.dumps(got["nested"], protocol))
    assert type(nested) is dict
    assert nested == PLAIN["nested"]
    assert pickle.loads(pickle.dumps(got["numbers"], protocol)) == PLAIN["numbers"]


def test_json_gives_the_bytes() -> None:
    text = '{ "eventID" : "e" , "a" : { "b" : [ 1 , 2 ] } }'
    got = _core.Event.parse(text)
    assert got.json() == text.encode()
    assert got["a"].json() == b'{ "b" : [ 1 , 2 ] }'
    assert got["a"]["b"].json() == b"[ 1 , 2 ]"


def test_json_dumps_needs_to_plain() -> None:
    got = event()
    for value in (got, got["nested"], got["list"]):
        with pytest.raises(TypeError):
            json.dumps(value)
        assert json.loads(json.dumps(value, default=_core.to_plain)) == value
    assert json.loads(json.dumps({"x": got}, default=_core.to_plain)) == {"x": got}
    with pytest.raises(TypeError, match="object"):
        json.dumps(object(), default=_core.to_plain)


def test_to_plain_copies() -> None:
    got = event()
    for value in (got, got["nested"], got["numbers"], 1, 1.5, "x", None, True):
        plain = _core.to_plain(value)
        assert plain == value
        assert json.dumps(plain)
    original = {"a": [got["nested"], {"b": 1}]}
    plain = _core.to_plain(original)
    assert plain == {"a": [PLAIN["nested"], {"b": 1}]}
    assert type(plain["a"][0]) is dict
    assert plain["a"][1] is not original["a"][1]
    for wrong in (object(), (1,), {1}, b"x", [object()], {"k": object()}):
        with pytest.raises(TypeError, match="no JSON value"):
            _core.to_plain(wrong)


def test_to_plain_refuses_endless_nesting() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(RecursionError):
        _core.to_plain(loop)


def test_repr_is_short() -> None:
    got = event({"eventID": "e", "long": ["é" * 5000]})
    assert repr(got) == "<Event e>"
    assert repr(got["long"]).startswith('<ArrayView ["')
    assert len(repr(got["long"])) < 220
    assert repr(inside({"k": 1})) == '<ObjectView {"k": 1}>'
    assert repr(inside({"k": 1}).keys()) == "Keys(['k'])"


# --- lifetime


def test_a_view_pins_its_event_and_a_str_nothing() -> None:
    got = event()
    gone = weakref.ref(got)
    nested, text = got["nested"], got["text"]
    del got
    assert gone() is None  # the Python object; its C memory is pinned
    assert nested["a"]["b"][1]["c"] == 2
    assert text == "plain"
    iterator = iter(nested.items())
    del nested
    gc.collect()
    assert dict(iterator) == PLAIN["nested"]
    assert list(iterator) == []


def test_weak_references() -> None:
    for value in (event(), event()["nested"], event()["list"]):
        reference = weakref.ref(value)
        assert reference() is value


def test_objects_of_a_type_hold_it() -> None:
    class Mine(_core.Event):
        __slots__ = ()

    gone = weakref.ref(Mine)
    mine = Mine.parse('{"eventID":"e"}')
    del Mine
    gc.collect()
    assert gone() is type(mine)
    del mine
    gc.collect()
    assert gone() is None


def test_keys_are_shared() -> None:
    got = event({"eventID": "e", "a": {"byBookmaker": 1}, "b": {"byBookmaker": 2}})
    (first,), (second,) = got["a"], got["b"]
    assert first is second


def test_many_threads_read_one_event() -> None:
    plain = {"eventID": "e", "odds": {f"odd-{i}": {"n": i} for i in range(500)}}
    got = event(plain)
    failures: list[object] = []

    def read() -> None:
        for i in range(500):
            if got["odds"][f"odd-{i}"]["n"] != i:
                failures.append(i)
        if got != plain:
            failures.append("equality")

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# --- real payloads


def all_events(folder: Path) -> list[bytes]:
    found = []
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_bytes())
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            found += [json.dumps(item).encode() for item in body["data"]]
    assert len(found) >= 5
    return found


def test_payloads_equal_json_loads(samples: Path) -> None:
    for body in all_events(samples):
        plain = json.loads(body)
        got = _core.Event.parse(body)
        assert got == plain
        assert got.to_dict() == plain
        assert got.json() == body
        assert list(got) == list(plain)
        assert got.event_id == plain["eventID"]
        check_views(got, plain)


def check_views(view: Any, plain: Any) -> None:
    """Walk both side by side, by every way of reading."""
    if isinstance(plain, dict):
        assert len(view) == len(plain)
        for (key, value), (plain_key, plain_value) in zip(
            view.items(), plain.items(), strict=True
        ):
            assert key == plain_key
            assert view[key] == value
            check_views(value, plain_value)
    elif isinstance(plain, list):
        assert len(view) == len(plain)
        for value, plain_value in zip(view, plain, strict=True):
            check_views(value, plain_value)
    else:
        assert view == plain
        assert type(view) is type(plain)
