"""When frames go: acknowledged, gathered, slowed down, never without end."""

from __future__ import annotations

from sgostream.notebook._pacer import Pacer


def sent(pacer: Pacer, now: float, *, busy: bool = False) -> tuple[int, bool] | None:
    return pacer.next(now, busy=busy)


def test_the_first_frame_is_whole_and_the_next_ones_are_not() -> None:
    pacer = Pacer(0.05)
    assert sent(pacer, 0.0) == (1, True)
    pacer.acknowledge(1)
    assert sent(pacer, 0.01) is None  # too early
    assert sent(pacer, 0.05) == (2, False)


def test_two_frames_may_be_on_their_way() -> None:
    pacer = Pacer(0.05)
    pacer.hello()
    assert sent(pacer, 0.0) == (1, True)
    pacer.acknowledge(1)
    assert sent(pacer, 0.1) == (2, False)
    assert sent(pacer, 0.2) == (3, False)
    assert sent(pacer, 0.3) is None
    pacer.acknowledge(3)
    assert sent(pacer, 0.35) == (4, False)


def test_a_silent_browser_gets_less_and_less_but_not_nothing() -> None:
    pacer = Pacer(0.05)
    sent(pacer, 0.0)
    pacer.acknowledge(1)
    now, gaps, last = 0.0, [], 0.0
    while now < 30:
        now += 0.05
        if sent(pacer, now) is not None:
            gaps.append(now - last)
            last = now
    assert 12 < len(gaps) < 25
    assert max(gaps) < 2.1
    pacer.acknowledge(10_000)
    assert sent(pacer, now + 0.1) is not None


def test_while_the_kernel_is_busy_frames_go_on_steadily() -> None:
    pacer = Pacer(0.05)
    sent(pacer, 0.0, busy=True)
    pacer.acknowledge(1)
    now, count = 0.0, 0
    while now < 10:
        now += 0.05
        count += sent(pacer, now, busy=True) is not None
    assert 30 < count < 45


def test_to_a_browser_that_never_answered_frames_are_whole() -> None:
    pacer = Pacer(0.05)
    frames = [sent(pacer, now) for now in (0.0, 0.1, 1.0, 3.0, 6.0)]
    assert [whole for _, whole in filter(None, frames)] == [True, False] + [True] * 3


def test_without_a_view_nothing_goes_until_one_asks() -> None:
    pacer = Pacer(0.05)
    sent(pacer, 0.0)
    pacer.views(0)
    assert sent(pacer, 100.0) is None
    pacer.views(1)
    pacer.hello()
    assert sent(pacer, 100.1) == (2, True)
