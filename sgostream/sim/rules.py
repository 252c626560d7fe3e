"""Rules that make answers late, wrong or missing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Hold = Literal["", "before", "after"]
Reset = Literal["", "before", "body"]


@dataclass(slots=True)
class Rule:
    """What to do with some requests.

    Parameters
    ----------
    path : str
        Path without the leading ``/v2``, or a pattern: ``/events``,
        ``/stream/*``.
    method : str
        HTTP method; empty: any. ``"WS"``: the upgrade of a socket, of which
        ``hold``, ``delay`` and ``reset`` can be ruled.
    params : dict
        Parameters the request must carry; None: with any value.
    skip : int
        So many matching requests pass first.
    times : int or None
        For so many requests; None: until removed.
    hold : str
        ``"after"``: make the answer, and keep it until `release`;
        ``"before"``: keep the request, and make the answer afterwards.
    delay : float
        Seconds to wait before the answer is sent.
    status, body, headers
        What is answered instead. A dict or list as body becomes JSON; without
        a body, a status from 400 on gets the API's error envelope.
    reset : str
        Cut the connection: ``"before"`` any byte, or amid the ``"body"``.
    truncate : int or None
        Cut the connection after so many bytes of the body.
    drip : tuple or None
        Send the body in pieces of so many bytes, so many seconds apart.
    encoding : str or None
        Content coding to use instead of the one agreed on.
    edit : callable or None
        Gets the encoded body, gives what is sent (in process only).
    """

    path: str = "*"
    method: str = ""
    params: Mapping[str, str | None] = field(default_factory=dict)
    skip: int = 0
    times: int | None = 1
    hold: Hold = ""
    delay: float = 0.0
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: Reset = ""
    truncate: int | None = None
    drip: tuple[int, float] | None = None
    encoding: str | None = None
    edit: Callable[[bytes], bytes] | None = None
    number: int = -1
    #: Requests that have met this rule so far.
    hits: int = 0
    #: Of those, the ones that are being held now.
    held: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, method: str, path: str, params: Any) -> bool:
        """Whether a request is one that this rule speaks of."""
        if self.method and self.method != method:
            return False
        short = path.removeprefix("/v2")
        if not fnmatchcase(short, self.path):
            if not fnmatchcase(path, self.path):
                return False
        return all(
            name in params and (value is None or params[name] == value)
            for name, value in self.params.items()
        )


class Rules:
    """The rules in force; the first that matches is obeyed."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._next = 0

    def add(self, rule: Rule) -> Rule:
        """Put a rule behind the others."""
        with self._lock:
            rule.number = self._next
            self._next += 1
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Forget a rule; does nothing if it is used up."""
        with self._lock:
            if rule in self._rules:
                self._rules.remove(rule)

    def clear(self) -> Iterable[Rule]:
        """Forget all rules and give them back."""
        with self._lock:
            gone, self._rules = self._rules, []
        return gone

    def find(self, number: int) -> Rule:
        """Return a rule by its number; ``KeyError`` if it is gone."""
        with self._lock:
            for rule in self._rules:
                if rule.number == number:
                    return rule
        raise KeyError(number)

    def take(self, method: str, path: str, params: Any) -> Rule | None:
        """Return the rule for a request, which counts as met."""
        with self._lock:
            for rule in self._rules:
                if not rule.matches(method, path, params):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                if rule.times is not None:
                    if rule.hits >= rule.times:
                        continue
                rule.hits += 1
                return rule
        return None
