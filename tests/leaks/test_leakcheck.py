"""The counters themselves: each kind of leak is seen."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator

import pytest
from leakcheck import TYPES, check, measure

KEPT: list[object] = []


def _keep_a_thread() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    KEPT.append((end, thread))


LEAKS: dict[str, tuple[str, Callable[[], object], int]] = {
    "objects": ("objects", lambda: KEPT.append([]), 100),
    "references": ("references to types", lambda: KEPT.append(TYPES[0]), 100),
    "blocks": ("blocks", lambda: KEPT.append(f"block {len(KEPT)}"), 100),
    "bytes": ("bytes", lambda: KEPT.append(ctypes.create_string_buffer(900)), 100),
    "descriptors": ("descriptors", lambda: KEPT.append(os.dup(0)), 4),
    "threads": ("threads", _keep_a_thread, 1),
}


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """What a test leaks is given back."""
    yield
    for one in KEPT:
        if isinstance(one, int):
            os.close(one)
        elif isinstance(one, tuple):
            one[0].set()
            one[1].join()
    KEPT.clear()


#: A sanitizer's allocator counts neither blocks nor bytes.
COUNTED = [leak for leak, (name, _, _) in LEAKS.items() if measure()[name]]


def test_all_is_counted_where_python_and_libc_allocate() -> None:
    assert list(LEAKS) == COUNTED or "SGO_SANITIZER" in os.environ


@pytest.mark.parametrize("leak", COUNTED)
def test_a_leak_is_seen(leak: str) -> None:
    name, use, times = LEAKS[leak]
    with pytest.raises(AssertionError, match=name):
        check(use, times)


def test_garbage_in_cycles_is_no_leak() -> None:
    def use() -> None:
        box: list[object] = [KEPT]
        box.append(box)

    check(use)
