"""sgostream.types against real events; docstrings of all public names."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest

import sgostream
from sgostream import testing, types
from sgostream.sim import EventMaker, Shape

#: What the API's examples have and its specification does not name.
UNTYPED: set[str] = set()


def events(samples: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in sorted(samples.glob("*.json")):
        for event in json.loads(path.read_bytes())["data"]:
            if isinstance(event, dict):
                yield path.name, event


def faults(value: object, hint: Any, where: str) -> Iterator[str]:
    """Where a plain JSON value differs from its type."""
    origin = get_origin(hint)
    if typing.is_typeddict(hint):
        assert isinstance(value, dict), where
        hints = typing.get_type_hints(hint)
        for name in hint.__required_keys__ - set(value):
            yield f"{where}: lacks {name}"
        for name, inner in value.items():
            if name in hints:
                yield from faults(inner, hints[name], f"{where}.{name}")
            else:
                yield f"{where}: {name} is not typed"
    elif origin is Literal:
        if value not in get_args(hint):
            yield f"{where}: {value!r}"
    elif origin in (Mapping, Sequence):
        assert isinstance(value, dict if origin is Mapping else list), where
        inner = get_args(hint)[-1]
        for item in value.values() if isinstance(value, dict) else value:
            yield from faults(item, inner, f"{where}[]")
    else:
        kinds = get_args(hint) if origin is Union or get_args(hint) else (hint,)
        if type(value) not in kinds:
            yield f"{where}: {value!r} is no {hint}"


def test_real_events_are_as_typed(samples: Path) -> None:
    found = {
        fault
        for _, event in events(samples)
        for fault in faults(event, types.EventData, "event")
    }
    assert found <= UNTYPED


@pytest.mark.parametrize("live", [True, False])
def test_made_events_are_as_typed(live: bool) -> None:
    maker = EventMaker(seed=3, size=30_000)
    for _ in range(5):
        made = json.loads(maker.make(live=live).event.render(Shape(alt_lines=True)))
        assert not list(faults(made, types.EventData, "event"))


def test_scripted_events_are_as_typed() -> None:
    from datetime import UTC, datetime

    from sgostream.testing._making import DEFAULT_ODDS, make_event

    event = make_event(
        "x", "NFL", "A", "B", live=True, odds=DEFAULT_ODDS, starts_at=datetime.now(UTC)
    )
    assert not list(faults(event, types.EventData, "event"))


def undocumented(owner: object, where: str) -> Iterator[str]:
    """Public names of a class or module that say nothing about themselves."""
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        target = member.fget if isinstance(member, property) else member
        target = getattr(target, "__func__", target)
        if (
            inspect.isroutine(target)
            or inspect.isclass(target)
            or inspect.isgetsetdescriptor(member)
        ):
            if not inspect.getdoc(target):
                yield f"{where}.{name}"


@pytest.mark.parametrize("module", [sgostream, testing, types])
def test_every_public_name_has_a_docstring(module: Any) -> None:
    lacking = []
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            if not inspect.getdoc(value):
                lacking.append(name)
            if not typing.is_typeddict(value):
                lacking += undocumented(value, name)
        elif inspect.isroutine(value) and not inspect.getdoc(value):
            lacking.append(name)
    assert not lacking
