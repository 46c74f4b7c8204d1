# Copyright (c) DKSAN-MM contributors.
"""Threads that decode and encode while the network computes."""
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# Chosen here: torch and onnxruntime start any number, all at once.
MAX_THREADS = 1024
_END = object()
POLL = 0.1  # seconds between checks whether the other side has stopped


class Prefetch:
    """Iterator that reads ahead in its own thread.

    An exception of the iterable is raised in place of its item.

    Args:
        items (Iterable): Items, iterated once.
        depth (int): Maximum number of items held ready.
    """

    def __init__(self, items: Iterable[Any], depth: int = 4) -> None:
        self._items = items
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Prefetch':
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Any]:
        while True:
            item, error = self._queue.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item

    def _run(self) -> None:
        error = None
        try:
            for item in self._items:
                if not self._put(item, None):
                    return
        except BaseException as raised:  # raised again in the consumer
            error = raised
        self._put(_END, error)

    def _put(self, item: Any, error: BaseException | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put((item, error), timeout=POLL)
                return True
            except queue.Full:
                pass
        return False


class Background:
    """Calls a function in its own thread, in order.

    Leaving the ``with`` block waits for all calls. An exception of the
    function is raised at the next call or there.

    Args:
        function (Callable): Function to call.
        depth (int): Maximum number of waiting calls.
    """

    def __init__(self, function: Callable[..., Any], depth: int = 4) -> None:
        self._function = function
        self._queue: queue.Queue[Any] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Background':
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._queue.put(_END)
        self._thread.join()
        if kind is None:
            self._check()

    def __call__(self, *arguments: Any) -> None:
        """Queue a call of the function with these arguments."""
        self._check()
        self._queue.put(arguments)

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            arguments = self._queue.get()
            if arguments is _END:
                return
            if self._error is not None:
                continue  # drop the remaining calls
            try:
                self._function(*arguments)
            except BaseException as error:  # raised again in the caller
                self._error = error
