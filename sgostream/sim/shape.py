"""The shape of an answer: which parts of an event a request asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: The literal that stands for any player in a requested oddID.
PLAYER = "PLAYER_ID"

_NO_PLAYERS = frozenset(("home", "away", "all", "side1", "side2", "side3", "draw"))


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an event an answer shows.

    Parameters
    ----------
    odd_ids : tuple of str
        Exact oddIDs, or with ``PLAYER_ID`` as entity; empty: all.
    bookmaker_ids : tuple of str
        Bookmakers whose quotes are shown; empty: all.
    alt_lines, opposing, open_close, expand_results : bool
        As the parameters ``includeAltLines``, ``includeOpposingOdds``,
        ``includeOpenCloseOdds`` and ``expandResults``.
    """

    odd_ids: tuple[str, ...] = ()
    bookmaker_ids: tuple[str, ...] = ()
    alt_lines: bool = False
    opposing: bool = False
    open_close: bool = False
    expand_results: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> Shape:
        """Read the shape from the parameters of a request."""

        def ids(*names: str) -> tuple[str, ...]:
            for name in names:
                if params.get(name):
                    return split_ids(params[name])
            return ()

        def flag(*names: str) -> bool:
            return any(params.get(name) == "true" for name in names)

        return cls(
            odd_ids=ids("oddID", "oddIDs"),
            bookmaker_ids=ids("bookmakerID", "bookmakerIDs"),
            alt_lines=flag("includeAltLines"),
            opposing=flag("includeOpposingOdds", "includeOpposingOddIDs"),
            open_close=flag("includeOpenCloseOdds"),
            expand_results=flag("expandResults"),
        )

    def select(self, odd_ids: Iterable[str]) -> list[str]:
        """Return the oddIDs of an event that the request names, in their order.

        The other side is not added here; see :attr:`opposing`.
        """
        exact = {odd_id for odd_id in self.odd_ids if PLAYER not in odd_id}
        players = {
            _without_entity(odd_id) for odd_id in self.odd_ids if PLAYER in odd_id
        }
        out = []
        for odd_id in odd_ids:
            if odd_id in exact:
                out.append(odd_id)
            elif players and _is_player(odd_id):
                if _without_entity(odd_id) in players:
                    out.append(odd_id)
        return out


#: What ``/stream/events`` shows, whatever is asked.
SNAPSHOT = Shape(alt_lines=True)

#: Everything that is stored.
FULL = Shape(alt_lines=True, open_close=True, expand_results=True)


def split_ids(text: str) -> tuple[str, ...]:
    """Split a comma list; white space around the parts is tolerated."""
    parts = (part.strip() for part in text.split(","))
    return tuple(part for part in parts if part)


def _is_player(odd_id: str) -> bool:
    parts = odd_id.split("-")
    return len(parts) == 5 and parts[1] not in _NO_PLAYERS


def _without_entity(odd_id: str) -> tuple[str, ...]:
    parts = odd_id.split("-")
    return (parts[0], *parts[2:]) if len(parts) == 5 else tuple(parts)
