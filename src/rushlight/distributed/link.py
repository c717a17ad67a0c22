"""The lines between processes: those of MPI, and none where a process is alone. They carry contiguous arrays,
and work in place."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from rushlight import optional
from rushlight.device import xp
from rushlight.distributed.reduction import in_mpi
from rushlight.errors import ArgumentError, NotSupportedError, message

__all__ = ["Alone", "Link", "Look", "Mpi"]

HOW = "Start the program by mpiexec -n 4 python PROGRAM; both come by pip install mpi4py mpich."


Look = Callable[[bool], "int | None"] | None
"""What is under way. Called with True it looks whether it is over, with False it waits; gives None if it is
not over, else the rank that it came from. None in the place of the function: it is over already."""


class Link:
    """What a group of processes can do. `rank` is this process's number among `size`.

    Those with `later` begin it only, if that is True: the arrays belong to them until what they give is over.
    """

    rank: int = 0
    size: int = 1

    def all_reduce(self, array: Any, op: str, later: bool = False) -> Look:
        """Put what becomes of all arrays into every one."""
        return None

    def reduce(self, array: Any, op: str, root: int, later: bool = False) -> Look:
        """Put it into that of `root`; what the others' arrays hold is not said."""
        return None

    def reduce_scatter(self, parts: Any, array: Any, op: str, later: bool = False) -> Look:
        """Of what becomes of all `parts`, an array (size, ...), every process gets its part."""
        xp.copyto(array, parts[0])
        return None

    def broadcast(self, array: Any, root: int, later: bool = False) -> Look:
        """Put the array of `root` into all."""
        return None

    def gather(self, array: Any, parts: Any, root: int, later: bool = False) -> Look:
        """Put all arrays into the `parts` (size, ...) of `root`."""
        xp.copyto(parts[0], array)
        return None

    def all_gather(self, array: Any, parts: Any, later: bool = False) -> Look:
        """Put them into the parts of all."""
        xp.copyto(parts[0], array)
        return None

    def scatter(self, parts: Any, array: Any, root: int, later: bool = False) -> Look:
        """Every process gets its part of the `parts` of `root`."""
        xp.copyto(array, parts[0])
        return None

    def all_to_all(self, parts: Any, found: Any, later: bool = False) -> Look:
        """Every process gets its part of everybody's `parts`."""
        xp.copyto(found, parts)
        return None

    def barrier(self, later: bool = False) -> Look:
        """Wait for all."""
        return None

    def send(self, array: Any, to: int, tag: int) -> Look:
        """Begin to send; gives what is to be waited for."""
        raise ArgumentError(message("send", f"a message to process {to}", "another one: there is this alone"))

    def receive(self, array: Any, source: int | None, tag: int) -> Look:
        """Begin to receive; gives what is to be waited for, whose result is the sender's rank."""
        raise ArgumentError(message("recv", "a message from another process", "one: there is this alone"))

    def all_gather_object(self, item: Any) -> list[Any]:
        """What all processes gave."""
        return [item]

    def scatter_object(self, items: Sequence[Any] | None, root: int) -> Any:
        """This process's part of what `root` gave."""
        return None if items is None else items[0]

    def part(self, ranks: Sequence[int]) -> Link | None:
        """The line between some of the processes; None for those that are not among them."""
        return self if list(ranks) == [0] else None

    def close(self) -> None:
        """End it."""


class Alone(Link):
    """One process: everything is there already."""


class Mpi(Link):
    """A communicator of MPI. MissingPackageError without mpi4py, NotSupportedError without a library."""

    def __init__(self, communicator: Any = None) -> None:
        optional.load("mpi4py", 'init_process_group("mpi")')
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            got = f"mpi4py without a library of MPI ({str(error).splitlines()[0]})"
            raise NotSupportedError(message('init_process_group("mpi")', got, "one", HOW)) from error
        self.mpi: Any = MPI
        self.own = communicator is not None
        self.line: Any = MPI.COMM_WORLD if communicator is None else communicator
        self.rank, self.size = self.line.Get_rank(), self.line.Get_size()

    def _op(self, op: str) -> Any:
        return getattr(self.mpi, in_mpi(op))

    def _call(self, later: bool, name: str, *arguments: Any, then: Callable[[], None] | None = None) -> Look:
        """One of MPI's functions, or the same that only begins; `then` is done when it is over."""
        if later:
            return self._look(getattr(self.line, f"I{name.lower()}")(*arguments), then)
        getattr(self.line, name)(*arguments)
        if then is not None:
            then()
        return None

    def _look(self, request: Any, then: Callable[[], None] | None = None, status: Any = None) -> Look:
        rank = self.rank

        def look(only_look: bool) -> int | None:
            if not only_look:
                request.Wait(status)
            elif not request.Test(status):
                return None
            if then is not None:
                then()
            return rank if status is None else int(status.Get_source())

        return look

    def all_reduce(self, array: Any, op: str, later: bool = False) -> Look:
        wide = _known_to_mpi(array)
        then = self._putting_back(array, wide, op)
        return self._call(later, "Allreduce", self.mpi.IN_PLACE, wide, self._op(op), then=then)

    def reduce(self, array: Any, op: str, root: int, later: bool = False) -> Look:
        wide = _known_to_mpi(array)
        if self.rank != root:
            return self._call(later, "Reduce", wide, None, self._op(op), root)
        then = self._putting_back(array, wide, op)
        return self._call(later, "Reduce", self.mpi.IN_PLACE, wide, self._op(op), root, then=then)

    def reduce_scatter(self, parts: Any, array: Any, op: str, later: bool = False) -> Look:
        wide, found = _known_to_mpi(parts), _known_to_mpi(array)
        then = self._putting_back(array, found, op)
        return self._call(later, "Reduce_scatter_block", wide, found, self._op(op), then=then)

    def _putting_back(self, array: Any, wide: Any, op: str) -> Callable[[], None]:
        return lambda: _put_back(array, wide, self.size if op == "avg" else None)

    def broadcast(self, array: Any, root: int, later: bool = False) -> Look:
        return self._call(later, "Bcast", _bytes(array), root)

    def gather(self, array: Any, parts: Any, root: int, later: bool = False) -> Look:
        return self._call(later, "Gather", _bytes(array), _bytes(parts) if self.rank == root else None, root)

    def all_gather(self, array: Any, parts: Any, later: bool = False) -> Look:
        return self._call(later, "Allgather", _bytes(array), _bytes(parts))

    def scatter(self, parts: Any, array: Any, root: int, later: bool = False) -> Look:
        return self._call(later, "Scatter", _bytes(parts) if self.rank == root else None, _bytes(array), root)

    def all_to_all(self, parts: Any, found: Any, later: bool = False) -> Look:
        return self._call(later, "Alltoall", _bytes(parts), _bytes(found))

    def barrier(self, later: bool = False) -> Look:
        return self._call(later, "Barrier")

    def send(self, array: Any, to: int, tag: int) -> Look:
        return self._look(self.line.Isend(_bytes(array), to, tag))

    def receive(self, array: Any, source: int | None, tag: int) -> Look:
        place = self.mpi.ANY_SOURCE if source is None else source
        return self._look(self.line.Irecv(_bytes(array), place, tag), status=self.mpi.Status())

    def all_gather_object(self, item: Any) -> list[Any]:
        return [pickle.loads(part) for part in self.line.allgather(pickle.dumps(item))]

    def scatter_object(self, items: Sequence[Any] | None, root: int) -> Any:
        parts = None if items is None or self.rank != root else [pickle.dumps(item) for item in items]
        return pickle.loads(self.line.scatter(parts, root))

    def part(self, ranks: Sequence[int]) -> Link | None:
        if self.rank not in ranks:
            return None
        return Mpi(self.line.Create_group(self.line.Get_group().Incl(list(ranks))))

    def close(self) -> None:
        if self.own:
            self.line.Free()


def _bytes(array: Any) -> Any:
    """The array's memory as bytes, which MPI moves whatever they mean."""
    return array.reshape(-1).view(xp.uint8)


def _known_to_mpi(array: Any) -> Any:
    """The array, or as one of float32 where MPI cannot count in its dtype."""
    return array.astype(xp.float32) if xp.is_narrow(array.dtype) else array


def _put_back(array: Any, wide: Any, count: int | None) -> None:
    """What MPI made, divided by `count`, into the array."""
    if count is not None:
        xp.copyto(array, (wide / count).astype(array.dtype))
    elif wide is not array:
        xp.copyto(array, wide.astype(array.dtype))
