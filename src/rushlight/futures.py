"""Results that come later, as torch.futures, for programs that hand them to each other."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rushlight.errors import namespace

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value that is set once, by whoever has it, and waited for by others.

    >>> later = Future()
    >>> doubled = later.then(lambda done: 2 * done.value())
    >>> later.set_result(3)
    >>> later.done(), doubled.wait()
    (True, 6)
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._held: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether it is set, to a value or to an error."""
        return self._held.done()

    def wait(self) -> Any:
        """The value, when it is there; raises the error that was set instead."""
        return self._held.result()

    def value(self) -> Any:
        """The value, which must be there; raises the error that was set instead."""
        return self._held.result(timeout=0)

    def set_result(self, result: T) -> None:
        """Give it its value. Raises an error if it has one."""
        self._held.set_result(result)

    def set_exception(self, result: BaseException) -> None:
        """Have `wait` raise this."""
        self._held.set_exception(result)

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Call ``callback(self)`` when it is set, or now if it is."""
        self._held.add_done_callback(lambda _: callback(self))

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """The Future of ``callback(self)``, which is called when this one is set."""
        after: Future[Any] = Future()

        def go(done: Future[T]) -> None:
            try:
                after.set_result(callback(done))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(go)
        return after


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """The Future of the list, which is set when all in it are.

    >>> collect_all([]).wait()
    []
    """
    all_set: Future[list[Future[Any]]] = Future()
    left = [len(futures)]

    def one(_: Any) -> None:
        left[0] -= 1
        if not left[0]:
            all_set.set_result(futures)

    if not futures:
        all_set.set_result(futures)
    for future in futures:
        future.add_done_callback(one)
    return all_set


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The values of all, when they are there; raises the first error."""
    return [future.wait() for future in collect_all(futures).wait()]


__getattr__, __dir__ = namespace(__name__, __all__)
