"""Real-time sports odds: a client of the SportsGameOdds streaming API.

::

    import sgostream

    with sgostream.stream("events:live") as live:
        for update in live:
            print(update)

The key comes from the environment variable ``SPORTS_ODDS_API_KEY_HEADER``.
Network, TLS, parsing and comparing happen in C on a background thread that
never takes the GIL.
"""

from __future__ import annotations

import atexit as _atexit
import logging as _logging
import os as _os

from . import _core
from ._apply import apply
from ._client import Client, stream
from ._core import MISSING, Change, ConsensusChange, Quote, QuoteChange, Times, to_plain
from ._errors import (
    AuthenticationError,
    BadRequestError,
    ClosedError,
    ConfigurationError,
    ForkedError,
    LimitError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServerError,
    SgoError,
    SlowConsumerError,
    StaleDataError,
    StreamLimitError,
    TransportError,
    _make_error,
)
from ._event import Event, QuoteChanges, QuoteRow, Quotes, Score, Update
from ._events_view import EventsView
from ._stream import Stream
from ._subscription import Subscription, SubscriptionStats
from ._types import (
    Allowance,
    ClientStats,
    Connection,
    Forecast,
    Gap,
    Phase,
    RateWindow,
    Staleness,
    StateChange,
    StreamStats,
    Usage,
)

__all__ = [
    "MISSING",
    "Allowance",
    "AuthenticationError",
    "BadRequestError",
    "Change",
    "Client",
    "ClientStats",
    "ClosedError",
    "ConfigurationError",
    "Connection",
    "ConsensusChange",
    "Event",
    "EventsView",
    "Forecast",
    "ForkedError",
    "Gap",
    "LimitError",
    "NotFoundError",
    "PermissionDeniedError",
    "Phase",
    "ProtocolError",
    "Quote",
    "QuoteChange",
    "QuoteChanges",
    "QuoteRow",
    "Quotes",
    "RateLimitError",
    "RateWindow",
    "Score",
    "ServerError",
    "SgoError",
    "SlowConsumerError",
    "StaleDataError",
    "Staleness",
    "StateChange",
    "Stream",
    "StreamLimitError",
    "StreamStats",
    "Subscription",
    "SubscriptionStats",
    "Times",
    "TransportError",
    "Update",
    "Usage",
    "__version__",
    "apply",
    "stream",
    "to_plain",
]

__version__ = "0.1.0"

_logging.getLogger("sgostream").addHandler(_logging.NullHandler())
_core.set_error_factory(_make_error)
_atexit.register(_core.shutdown)
_os.register_at_fork(after_in_child=_core.after_fork_in_child)
