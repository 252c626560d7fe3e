"""From the core's ring of reports to ``logging`` and to the streams.

One daemon thread per Client takes log lines, state changes, gaps and errors.
It holds the core's client and this router, never the Python client, so that a
forgotten client can be collected.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import _core
from ._threads import start_helper
from ._types import Connection, Gap, StateChange

if TYPE_CHECKING:
    from ._dispatch import Dispatcher

__all__ = ["ReportRouter"]

_log = logging.getLogger(__name__)


class ReportRouter:
    """Hands each report to the log and to its stream's dispatcher."""

    def __init__(self, core: _core.Client) -> None:
        self._core = core
        self._lock = threading.Lock()
        self._dispatchers: weakref.WeakValueDictionary[int, Dispatcher] = (
            weakref.WeakValueDictionary()
        )
        self._thread: threading.Thread | None = None
        self._silent = False

    def add(self, stream_id: int, dispatcher: Dispatcher) -> None:
        """Reports of this stream go to this dispatcher too."""
        with self._lock:
            self._dispatchers[stream_id] = dispatcher

    def start(self) -> None:
        """Start the thread; nothing happens when it runs."""
        with self._lock:
            if self._thread is not None or self._silent:
                return
            try:
                self._thread = start_helper(
                    lambda: _run(self), "sgostream-reports", self._core.close
                )
            except RuntimeError as error:
                if "isolated" not in str(error):
                    raise
                self._silent = True  # Python 3.11's: not one thread is allowed
                _log.warning("nothing is logged and no callback run: %s", error)

    @property
    def started(self) -> bool:
        """Whether reports are being handed over, or were until the end."""
        return self._thread is not None

    def end(self) -> None:
        """The client is closed: no dispatcher will get anything more."""
        with self._lock:
            dispatchers = list(self._dispatchers.values())
        for dispatcher in dispatchers:
            dispatcher.close()

    def join(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds for what was reported to be handed over.

        And for the callbacks that it reached.  For a client that is closed.
        Returns at once on a thread of ours, which is inside a callback.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            dispatchers = list(self._dispatchers.values())
            reporter = self._thread
        here = threading.current_thread()
        if here is reporter or any(found.is_thread(here) for found in dispatchers):
            return
        if reporter is None:
            self.end()  # it never began: nobody else will tell them
        else:
            reporter.join(timeout)
        for dispatcher in dispatchers:
            dispatcher.join(max(0.0, deadline - time.monotonic()))

    def _hand_over(self, report: dict[str, Any]) -> None:
        kind = report["kind"]
        if kind == "log":
            logger = logging.getLogger(f"sgostream.{report['area']}")
            logger.log(report["level"], "%s", report["text"])
            return
        with self._lock:
            if report["stream_id"] == 0:  # of the client: it concerns every stream
                concerned = list(self._dispatchers.values())
            else:
                found = self._dispatchers.get(report["stream_id"])
                concerned = [] if found is None else [found]
        for dispatcher in concerned:
            self._queue(dispatcher, report)

    def _queue(self, dispatcher: Dispatcher, report: dict[str, Any]) -> None:
        kind = report["kind"]
        if kind == "state":
            dispatcher.put_state(
                StateChange(
                    Connection(report["previous"]),
                    Connection(report["current"]),
                    report["text"],
                    report["code"] or None,
                )
            )
        elif kind == "gap":
            dispatcher.put_gap(
                Gap(
                    report["text"],
                    _utc(report["began"]),
                    _utc(report["ended"]),
                    report["events_refetched"],
                )
            )
        else:
            dispatcher.put_error(report["error"])


def _utc(epoch_ns: int) -> datetime:
    return datetime.fromtimestamp(epoch_ns / 1e9, tz=UTC)


def _run(router: ReportRouter) -> None:
    while True:
        report = router._core.take_report()
        if report is None:
            router.end()
            return
        try:
            router._hand_over(report)
        except Exception:
            _log.exception("a report could not be handed over")
