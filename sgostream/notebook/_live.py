"""What the board and the chart share: a thread, a widget, an end.

A view has its own subscription and one daemon thread, which takes updates and
sends frames.  The thread holds the feeder, never the view; a view on a page is
kept by ``_cells`` until it is closed or its cell runs again.  With anywidget
frames are messages to a widget; without it they are HTML that replaces what
``display`` showed.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from .. import _options
from .._errors import ClosedError, ForkedError, SgoError
from .._threads import start_helper
from . import _cells
from ._pacer import Pacer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._event import Update
    from .._options import SubscriptionOptions
    from .._stream import Stream
    from .._subscription import Subscription

__all__ = ["Content", "LiveView"]

_log = logging.getLogger(__name__)

_BATCH = 512
_QUIET_S = 0.25  # a wait for updates at most, so that a browser's word is heard
_STATUS_S = 1.0  # the headline is sent so often at least
_PLAIN_S = 1.0  # between two tables where there is no widget
_JOIN_S = 1.0
_VIEW = "application/vnd.jupyter.widget-view+json"


class Content(Protocol):
    """What is shown: fed with updates, told in frames."""

    updates: int
    moves: int

    @property
    def has_news(self) -> bool: ...
    @property
    def left_out(self) -> str: ...
    def take(self, updates: Iterable[Update]) -> None: ...
    def full(self) -> dict[str, Any]: ...
    def patch(self) -> dict[str, Any]: ...


class _Feeder:
    """The thread's side: a subscription, the content, where frames go."""

    def __init__(
        self, stream: Stream, options: SubscriptionOptions, content: Content, fps: float
    ) -> None:
        self.content = content
        self.pacer = Pacer(1.0 / fps)
        self.lock = threading.RLock()  # content; never held while sending
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.widget: Any = None
        self.show_plain: Any = None  # called where there is no widget
        self.on_end: Any = None  # called when the stream has ended it
        self._stream: Stream | None = stream
        self._subscription: Subscription | None = stream.subscribe(**options)
        self._stop = threading.Event()
        self._status: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._told_at = float("-inf")
        self._rate = (time.monotonic(), 0, 0.0)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; nothing happens when it runs."""
        with self.lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = start_helper(self._run, "sgostream-board", self.stop)

    def look(self) -> None:
        """Take what is there already: the first frame is not empty then."""
        subscription = self._subscription
        if subscription is None or self._thread is not None:
            return
        try:
            batch = subscription.get_batch(_BATCH, 0.0)
        except SgoError:
            return  # the thread will tell
        with self.lock:
            self.content.take(batch)

    def stop(self) -> None:
        """Make the thread end."""
        self._stop.set()
        subscription = self._subscription
        if subscription is not None:
            try:
                subscription.close()
            except ForkedError:
                pass

    def join(self) -> None:
        """Wait for the thread, a bounded time."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_S)

    def let_go(self) -> None:
        """Drop what keeps the stream alive."""
        self._subscription = None
        self._stream = None
        self.widget = None
        self.show_plain = None
        self.on_end = None

    # -- the thread -----------------------------------------------------------

    def _run(self) -> None:
        try:
            self._loop()
        except ClosedError:
            pass
        except SgoError as error:
            self.error = error
        except Exception as error:
            self.error = error
            _log.exception("the board's thread ends")
        finally:
            on_end = self.on_end
            if on_end is not None:
                on_end()
            self.ended.set()

    def _loop(self) -> None:
        subscription = self._subscription
        assert subscription is not None
        while not self._stop.is_set():
            # With something to tell, only look; else wait for the next update.
            waiting = self.content.has_news
            batch = subscription.get_batch(_BATCH, 0.0 if waiting else _QUIET_S)
            if batch:
                with self.lock:
                    self.content.take(batch)
            now = time.monotonic()
            self._tell(now)
            if waiting or batch:
                # The frame's end: what comes until then is gathered in C.
                self._stop.wait(self.pacer.interval)

    def _tell(self, now: float) -> None:
        widget, plain = self.widget, self.show_plain
        if widget is None and plain is None:
            return
        status = self.status(now)
        calm = {k: v for k, v in status.items() if k in ("phase", "error", "left_out")}
        due = (
            self.content.has_news
            or calm != self._told
            or now - self._told_at >= _STATUS_S
            or self.pacer.wants_whole
        )
        if not due:
            return
        if widget is None:
            if now - self._told_at >= _PLAIN_S:
                self._told, self._told_at = calm, now
                plain()
            return
        turn = self.pacer.next(now, busy=_cells.is_busy())
        if turn is None:
            return
        number, whole = turn
        with self.lock:
            frame = self.content.full() if whole else self.content.patch()
        self._told, self._told_at = calm, now
        kind = "full" if whole else "patch"
        widget.send({"t": kind, "n": number, "status": status, **frame})

    def status(self, now: float) -> dict[str, Any]:
        """The headline's values: the state of the stream, and rates."""
        stream, content = self._stream, self.content
        then, updates, rate = self._rate
        if now - then >= 1.0:
            rate = (content.updates - updates) / (now - then)
            self._rate = (now, content.updates, rate)
        status = {
            "updates": content.updates,
            "moves": content.moves,
            "rate": round(rate, 1),
            "left_out": content.left_out,
            "time": round(time.time(), 1),
        }
        if self.error is not None:
            return {**status, "phase": "failed", "error": str(self.error)}
        if stream is None or self._stop.is_set():
            return {**status, "phase": "closed"}
        phase = str(stream.phase)
        status["phase"] = phase
        if phase not in ("live", "closed"):
            proof = stream.staleness()
            if proof.seconds != float("inf"):
                status["age"] = round(proof.seconds, 1)
            status["reason"] = proof.reason
        return status


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Call a method for as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    return call


def _wants_widget(asked: bool | None) -> bool:
    """Whether frames go to a widget; ImportError where one is asked for in vain."""
    if asked is False:
        return False
    there = find_spec("anywidget") is not None
    if asked and not there:
        raise ImportError("a widget needs anywidget: pip install 'sgostream[notebook]'")
    return there and (asked or hasattr(_cells.shell(), "kernel"))


class LiveView:
    """Base of :class:`Board` and :class:`Chart`; see there."""

    _kind = ""

    def __init__(
        self,
        stream: Stream,
        options: SubscriptionOptions,
        content: Content,
        *,
        fps: float,
        widget: bool | None,
        settings: dict[str, Any],
    ) -> None:
        self._settings = settings
        self._label = stream.feed
        self._use_widget = _wants_widget(widget)
        self._feeder = _Feeder(stream, options, content, fps)
        self._shown_as: list[str] = []  # display ids
        self._lock = threading.RLock()
        self._closed = False
        self._finalizer = weakref.finalize(self, self._feeder.stop)
        stream._views.add(self)  # type: ignore[arg-type]

    # -- showing --------------------------------------------------------------

    def show(self) -> Self:
        """Show it here, in the cell that runs.

        The last line of a cell does so by itself.

        Returns
        -------
        Itself.
        """
        name = uuid.uuid4().hex
        with self._lock:
            self._shown_as.append(name)
            if not self._closed:
                self._feeder.look()
                self._connect()
            data = self._bundle()
        _cells.publish(data, name)
        if not self._closed:
            _cells.keep(self)
            self._feeder.start()
        return self

    def _ipython_display_(self) -> None:
        self.show()

    def _connect(self) -> None:
        """Make the widget, or the function that replaces the HTML."""
        feeder = self._feeder
        if self._use_widget and feeder.widget is None:
            from ._widget import make_widget

            me = weakref.ref(self)

            def heard(content: Any) -> None:
                view = me()
                if view is not None:
                    view._hear(content)

            feeder.widget = make_widget(self._kind, self._settings, heard)
        elif not self._use_widget and feeder.show_plain is None:
            feeder.show_plain = _weakly(self._refresh)
        feeder.on_end = _weakly(self.close)

    def _hear(self, content: Any) -> None:
        """A word of the browser's."""
        if not isinstance(content, dict):
            return
        pacer, value = self._feeder.pacer, content.get("n")
        kind = content.get("t")
        if kind == "hello":
            pacer.hello()
        elif kind == "ack" and isinstance(value, int):
            pacer.acknowledge(value)
        elif kind == "views" and isinstance(value, int):
            pacer.views(value)
        elif kind == "stop":
            self.close()

    def _bundle(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
        }
        widget = self._feeder.widget
        if widget is not None and not self._closed:
            data[_VIEW] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": widget.model_id,
            }
        return data

    def _repr_html_(self) -> str:
        with self._feeder.lock:
            return self._html(self._feeder.status(time.monotonic()))

    def _html(self, status: dict[str, Any]) -> str:
        raise NotImplementedError

    def _refresh(self) -> None:
        """Put the frame of this moment in place of what is shown."""
        data = self._bundle()
        for name in self._shown_as:
            _cells.publish(data, name, update=True)

    # -- the end --------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._closed

    def wait(self, timeout: float | None = None) -> None:
        """Show it, if it is not shown yet, and keep the cell running.

        Interrupting the kernel closes it.

        Parameters
        ----------
        timeout : float, optional
            Seconds; it goes on when they are over.  None: until it ends.

        Raises
        ------
        KeyboardInterrupt
            The kernel was interrupted.
        SgoError
            The final error of the stream.
        """
        checked = None if timeout is None else _options.seconds("timeout", timeout)
        if not self._shown_as:
            self.show()
        try:
            ended = self._feeder.ended.wait(checked)
        except KeyboardInterrupt:
            self.close()
            raise
        if ended:
            self.close()
            if isinstance(self._feeder.error, SgoError):
                raise self._feeder.error

    def close(self) -> None:
        """End its thread, its subscription and its widget.  Idempotent.

        The last frame stays on the page, as plain HTML.  The stream goes on.
        """
        self._end(last_frame=True)

    def _replace(self) -> None:
        """End it; its cell runs again, and what it showed is gone."""
        self._end(last_frame=False)

    def _end(self, *, last_frame: bool) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        feeder = self._feeder
        feeder.stop()
        feeder.join()
        widget = feeder.widget
        if last_frame and self._shown_as:
            try:
                self._refresh()
            except Exception:
                _log.debug("the last frame could not be shown", exc_info=True)
        feeder.let_go()
        self._finalizer.detach()
        _cells.release(self)
        if widget is not None:
            layout = widget.layout
            widget.close()
            layout.close()
        feeder.ended.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "running"
        return f"<{type(self).__name__} of {self._label}: {state}>"
