# Copyright (c) DKSAN-MM contributors.
import threading
import time

import pytest

from dksan_mm.utils.threads import Background, Prefetch


def test_items_arrive_in_order_and_no_more_than_asked_for():
    made = []

    def items():
        for number in range(50):
            made.append(number)
            yield number

    with Prefetch(items(), depth=3) as ahead:
        iterator = iter(ahead)
        assert next(iterator) == 0
        time.sleep(0.2)
        assert len(made) <= 1 + 3 + 1  # taken, ready, in the hand
        assert list(iterator) == list(range(1, 50))


def test_an_error_comes_in_its_place():

    def items():
        yield 1
        raise ValueError('no more')

    with Prefetch(items()) as ahead:
        iterator = iter(ahead)
        assert next(iterator) == 1
        with pytest.raises(ValueError, match='no more'):
            next(iterator)


def test_threads_end_when_nobody_listens():
    before = threading.active_count()
    with Prefetch(iter(int, 1)) as ahead:  # endless
        next(iter(ahead))
    assert threading.active_count() == before


def test_calls_happen_in_order_and_are_waited_for():
    seen = []
    with Background(lambda x: (time.sleep(0.01), seen.append(x))) as call:
        for number in range(20):
            call(number)
    assert seen == list(range(20))


def test_an_error_of_a_call_is_raised_later():
    with pytest.raises(OSError, match='full'):
        with Background(_fail) as call:
            call(1)
    with pytest.raises(OSError, match='full'):
        with Background(_fail) as call:
            for _ in range(1000):  # does not block, though nothing is done
                call(1)
                time.sleep(0.001)


def _fail(_):
    raise OSError('full')


def test_reading_and_writing_overlap():
    """Each waits 20 x 10 ms; sequentially they would take 0.4 s."""

    def items():
        for number in range(20):
            time.sleep(0.01)
            yield number

    start = time.perf_counter()
    with Prefetch(
            items()) as ahead, Background(lambda _: time.sleep(0.01)) as call:
        for item in ahead:
            call(item)
    assert time.perf_counter() - start < 0.35
