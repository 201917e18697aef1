"""One thread at a time, but for those that wait."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from runner.engine.turn import Turn


def test_a_turn_is_given_away_while_one_waits() -> None:
    turn, order = Turn(), []
    entered, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with turn.taken():
            order.append("first")
            with turn.away():
                entered.set()
                assert go_on.wait(20)
            order.append("first again")

    def second() -> None:
        assert entered.wait(20)
        with turn.taken():
            order.append("second")
            go_on.set()
            order.append("second still")

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(first), pool.submit(second)]:
            future.result()
    assert order == ["first", "second", "second still", "first again"]


def test_who_has_no_turn_gives_none_away() -> None:
    turn = Turn()
    with turn.away(), turn.taken():
        pass


def test_a_turn_that_was_lost_is_not_given_twice() -> None:
    turn = Turn()
    with turn.taken():
        turn._lock.release()  # as when a signal comes while it is taken back
    with turn.taken():
        assert not ThreadPoolExecutor(1).submit(turn._lock.acquire, False).result()
