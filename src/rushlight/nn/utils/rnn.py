"""Batches of sequences of different lengths: padded to one length, or packed step by step."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rushlight import ops
from rushlight.core.tensor import Tensor
from rushlight.errors import ArgumentError, DTypeError, ShapeError, message, namespace
from rushlight.ops.facts import as_numbers

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

T = TypeVar("T", bound="PackedSequence")
Sizes = tuple[int, ...]


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences step by step: the first elements of all, the longest sequence first, then the second ones...

    data              (elements of all sequences, ...).
    batch_sizes       how many sequences are long enough, for each step.
    sorted_indices    from the sequences as they were given to their order here; None where that is the same.
    unsorted_indices  back again.

    `pack_padded_sequence` and `pack_sequence` make them; recurrent layers take and give them.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]).data.tolist()
    [1, 3, 2]
    """

    sizes: Sizes
    """`batch_sizes` as numbers, which nobody need look at a tensor for."""

    def __new__(
        cls: type[T],
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> T:
        if batch_sizes is None:
            got = f"batch_sizes that is a {type(batch_sizes).__name__}"
            raise DTypeError(message("PackedSequence", got, "a Tensor", "Use pack_sequence()."))
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def __getattr__(self, name: str) -> Any:
        if name != "sizes":
            raise AttributeError(f"PackedSequence has no attribute {name!r}", name=name, obj=self)
        self.sizes = tuple(int(n) for n in self.batch_sizes.tolist())
        return self.sizes

    def like(self: T, data: Tensor) -> T:
        """Other data of the same sequences."""
        made = type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)
        made.sizes = self.sizes
        return made

    def to(self: T, *args: Any, **options: Any) -> T:
        """The data in another dtype; a device changes nothing."""
        return self.like(self.data.to(*args, **options))

    def cpu(self: T) -> T:
        """The same: the data is on the CPU."""
        return self

    def pin_memory(self: T) -> T:
        """The same: there is no other device to copy to."""
        return self

    def is_pinned(self) -> bool:
        """False: no memory is pinned."""
        return False

    @property
    def is_cuda(self) -> bool:
        """False: there is only the CPU."""
        return False

    def cuda(self: T, *args: Any, **options: Any) -> T:
        """Refused: there is only the CPU."""
        return self.to("cuda")

    def double(self: T) -> T:
        """The data as float64."""
        return self.to("float64")

    def float(self: T) -> T:
        """The data as float32."""
        return self.to("float32")

    def half(self: T) -> T:
        """The data as float16."""
        return self.to("float16")

    def bfloat16(self: T) -> T:
        """The data as bfloat16."""
        return self.to("bfloat16")

    def long(self: T) -> T:
        """The data as int64."""
        return self.to("int64")

    def int(self: T) -> T:
        """The data as int32."""
        return self.to("int32")

    def short(self: T) -> T:
        """The data as int16."""
        return self.to("int16")

    def char(self: T) -> T:
        """The data as int8."""
        return self.to("int8")

    def byte(self: T) -> T:
        """The data as uint8."""
        return self.to("uint8")


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one: p⁻¹[p[i]] = i; None of None.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.invert_permutation(rl.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    return None if permutation is None else ops.argsort(permutation)


def _lengths(name: str, lengths: Any, count: int, longest: int) -> list[int]:
    listed = [int(n) for n in (as_numbers(name, lengths) if isinstance(lengths, Tensor) else lengths)]
    if len(listed) != count or any(n > longest for n in listed):
        got = f"lengths {listed} of {count} sequences of {longest} steps"
        raise ShapeError(message(name, got, "a length for each sequence, none more than the steps"))
    if not listed or min(listed) <= 0:
        got = f"lengths {listed}"
        raise ArgumentError(message(name, got, "at least one sequence, of at least one step each"))
    return listed


@functools.lru_cache(64)
def _places(lengths: Sizes) -> tuple[Sizes, Sizes]:
    """(where the packed elements lie in (steps, sequences), how many there are at each step) for lengths that
    do not grow."""
    count = len(lengths)
    sizes, k = [], count
    for step in range(lengths[0]):
        while lengths[k - 1] <= step:
            k -= 1
        sizes.append(k)
    return tuple(step * count + i for step, n in enumerate(sizes) for i in range(n)), tuple(sizes)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs a padded batch, (steps, sequences, ...) or with ``batch_first`` (sequences, steps, ...).

    lengths         the length of each sequence: a list, or a tensor.
    enforce_sorted  the lengths must not grow from one sequence to the next; with False they are sorted.

    Raises ArgumentError for lengths that grow, or of 0; ShapeError where they do not fit the batch.

    >>> import rushlight as rl
    >>> packed = rl.nn.utils.rnn.pack_padded_sequence(rl.tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 3, 2], [2, 1])
    """
    if input.ndim < 2:
        got = f"a batch of shape {input.shape}"
        raise ShapeError(message("pack_padded_sequence", got, "steps and sequences as axes"))
    steps = input.transpose(0, 1) if batch_first else input
    given = _lengths("pack_padded_sequence", lengths, steps.shape[1], steps.shape[0])
    order = sorted(range(len(given)), key=lambda i: -given[i])
    listed = tuple(given[i] for i in order)
    sorted_indices = None
    if enforce_sorted and listed != tuple(given):
        remedy = "Pass enforce_sorted=False, or sort the batch."
        raise ArgumentError(
            message("pack_padded_sequence", f"lengths {given}", "lengths that do not grow", remedy)
        )
    if not enforce_sorted:
        sorted_indices = ops.tensor(order)
        steps = steps.index_select(1, sorted_indices)
    places, sizes = _places(listed)
    rows = steps.flatten(0, 1)
    if len(places) < rows.shape[0]:
        rows = rows.index_select(0, ops.tensor(places))
    packed = PackedSequence(rows, ops.tensor(sizes), sorted_indices)
    packed.sizes = sizes
    return packed


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch (steps, sequences, ...) of packed sequences, in the order as given, and their lengths.

    batch_first    (sequences, steps, ...).
    padding_value  what stands behind the end of the short ones.
    total_length   so many steps; by default as many as the longest has.

    Raises ArgumentError where ``total_length`` is less than the longest.

    >>> import rushlight as rl
    >>> rnn = rl.nn.utils.rnn
    >>> padded, lengths = rnn.pad_packed_sequence(rnn.pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]))
    >>> padded.tolist(), lengths.tolist()
    ([[1, 3], [2, 0]], [2, 1])
    """
    sizes, data = sequence.sizes, sequence.data
    steps, count = len(sizes), sizes[0]
    total = steps if total_length is None else total_length
    if total < steps:
        got = f"total_length={total} for sequences of up to {steps} steps"
        raise ArgumentError(message("pad_packed_sequence", got, f"{steps} or more"))
    lengths = tuple(sum(n > i for n in sizes) for i in range(count))
    padded = data
    if total * count > data.shape[0]:
        padded = ops.full((total * count, *data.shape[1:]), padding_value, dtype=data.dtype)
        padded[ops.tensor(_places(lengths)[0])] = data
    padded = padded.reshape(total, count, *data.shape[1:])
    found = ops.tensor(lengths)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        found = found.index_select(0, sequence.unsorted_indices)
    return padded.transpose(0, 1) if batch_first else padded, found


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (steps, ...) of different lengths as one batch (steps, sequences, ...), filled up with
    ``padding_value`` at their ends, or with ``padding_side="left"`` in front.

    batch_first  (sequences, steps, ...).

    Raises ArgumentError for another side, ShapeError for elements of different shapes.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.pad_sequence([rl.tensor([1, 2]), rl.tensor([3])], batch_first=True).tolist()
    [[1, 2], [3, 0]]
    """
    if padding_side not in ("right", "left"):
        raise ArgumentError(message("pad_sequence", f"padding_side={padding_side!r}", "'right' or 'left'"))
    listed = list(sequences)
    if not listed or not all(isinstance(s, Tensor) and s.ndim for s in listed):
        got = f"{len(listed)} sequences" if not listed else "something that is no Tensor with a first axis"
        raise DTypeError(message("pad_sequence", got, "Tensors (steps, ...)"))
    longest = max(s.shape[0] for s in listed)
    return ops.stack(
        [_filled(s, longest, padding_value, padding_side) for s in listed], 0 if batch_first else 1
    )


def _filled(sequence: Tensor, steps: int, value: float, side: str) -> Tensor:
    missing = steps - sequence.shape[0]
    if not missing:
        return sequence
    fill = ops.full((missing, *sequence.shape[1:]), value, dtype=sequence.dtype)
    return ops.cat([fill, sequence] if side == "left" else [sequence, fill])


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch (steps, sequences, ...), or with ``batch_first`` (sequences, steps,
    ...), without the padding at their ends.

    >>> import rushlight as rl
    >>> batch = rl.tensor([[1, 3], [2, 0]])
    >>> [s.tolist() for s in rl.nn.utils.rnn.unpad_sequence(batch, rl.tensor([2, 1]))]
    [[1, 2], [3]]
    """
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    listed = as_numbers("unpad_sequence", lengths) if isinstance(lengths, Tensor) else lengths
    return [batch[i, : int(n)] for i, n in enumerate(listed)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs sequences (steps, ...) of different lengths. With ``enforce_sorted`` the longest comes first.

    >>> import rushlight as rl
    >>> rl.nn.utils.rnn.pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]).batch_sizes.tolist()
    [2, 1]
    """
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed.

    >>> import rushlight as rl
    >>> rnn = rl.nn.utils.rnn
    >>> [s.tolist() for s in rnn.unpack_sequence(rnn.pack_sequence([rl.tensor([1, 2]), rl.tensor([3])]))]
    [[1, 2], [3]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


if not TYPE_CHECKING:
    __getattr__, __dir__ = namespace(__name__, __all__)
