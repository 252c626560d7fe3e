"""Does a call leave anything behind? Objects, references, blocks, bytes,
descriptors and threads, counted before and after many calls."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sgostream import _core

TYPES = [value for value in vars(_core).values() if isinstance(value, type)]
#: Each time so many times the calls, until they show nothing: other threads make
#: noise of up to 35 KB, which stays what it is; a leak grows with the calls.
ATTEMPTS = (1, 1, 2, 8, 32, 64)


class _MallInfo(ctypes.Structure):
    """What glibc's mallinfo2() returns."""

    _fields_ = [
        *[(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks")],
        *[(name, ctypes.c_size_t) for name in ("hblks", "hblkhd", "usmblks")],
        *[(name, ctypes.c_size_t) for name in ("fsmblks", "uordblks", "fordblks")],
        ("keepcost", ctypes.c_size_t),
    ]


def _malloc_bytes() -> int:
    """Bytes that C code holds, 0 where the C library does not tell."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return 0
    mallinfo2.restype = _MallInfo
    info = mallinfo2()
    return int(info.uordblks + info.hblkhd)


def _count(folder: str) -> int:
    return len(os.listdir(folder)) if Path(folder).is_dir() else 0


def measure() -> dict[str, int]:
    """Count everything; the names say what."""
    for _ in range(3):
        gc.collect()
    return {
        "objects": len(gc.get_objects()),
        "references to types": sum(sys.getrefcount(kind) for kind in TYPES),
        "references to constants": sum(
            sys.getrefcount(x) for x in (_core.MISSING, None, True, False)
        )
        if sys.version_info < (3, 12)  # immortal since
        else sys.getrefcount(_core.MISSING),
        "blocks": sys.getallocatedblocks(),
        "bytes": _malloc_bytes(),
        "descriptors": _count("/proc/self/fd"),
        "threads": _count("/proc/self/task"),
    }


def allowed(times: int, noisy: bool) -> dict[str, int]:
    """Growth that is no leak of one thing per call: caches, noise.

    An event loop or a thread that comes and goes leaves free lists of others
    behind, which converge only after hundreds of calls.
    """
    if noisy:
        return {**allowed(times, False), "blocks": 4 * times, "bytes": 1024 * times}
    return {
        "objects": times // 4,
        "references to types": times // 4,
        "references to constants": times // 4,
        "blocks": times // 2,
        "bytes": 24 * times,
        "descriptors": 0,
        "threads": 0,
    }


def check(
    use: Callable[[], object],
    times: int = 100,
    *,
    noisy: bool = False,
    settle: Callable[[], object] = lambda: None,
) -> None:
    """Fail when `use` leaves something behind each time it is called.

    `settle` waits until what other threads have to do for it is done.
    """
    for _ in range(10):
        use()
    gc.collect()
    # What is there already is neither searched nor counted: a collection
    # would cost 50 ms for the modules of all other tests.
    gc.freeze()
    try:
        _check(use, times, noisy, settle)
    finally:
        gc.unfreeze()


def _check(
    use: Callable[[], object],
    times: int,
    noisy: bool,
    settle: Callable[[], object],
) -> None:
    history = []
    for more in ATTEMPTS:
        settle()
        before = measure()
        for _ in range(times * more):
            use()
        settle()
        after = measure()
        limits = allowed(times * more, noisy)
        grown = {
            name: after[name] - before[name]
            for name in limits
            if after[name] - before[name] > limits[name]
        }
        if not grown:
            return
        history.append((times * more, grown))
    raise AssertionError(f"after so many calls: {history}")


def refuses(
    use: Callable[[], object],
    errors: type[BaseException] | tuple[type[BaseException], ...],
) -> Callable[[], None]:
    """A call that must raise, as something to check."""

    def attempt() -> None:
        try:
            use()
        except errors:
            return
        raise AssertionError("it did not raise")

    return attempt
