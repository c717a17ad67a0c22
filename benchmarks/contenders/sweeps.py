"""Many networks on the same data: Rushlight's sweep, PyTorch in a loop, JAX over stacked parameters.

A step is one training step of one network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from benchmarks.contenders.base import Contender, Step
from benchmarks.contenders.jax_jit import functions, start
from benchmarks.contenders.torch_eager import TorchEager
from benchmarks.contenders.torch_like import network
from benchmarks.workloads import Problem

__all__ = ["JaxMap", "JaxVmap", "RushlightSweep", "TorchLoop"]


class Sweeper(Contender):
    """Trains all networks in one call."""

    kinds = frozenset({"sweep"})
    compiles = True
    parts: ClassVar[int] = 1
    """A timed call trains for this part of the epochs: for who takes long, and as long for each epoch."""

    def setup(self, problem: Problem) -> Step:
        self.problem = problem
        self.prepare(problem)
        return self.train

    def prepare(self, problem: Problem) -> None:
        """Bring data, and what can be made in advance, into place."""

    @abstractmethod
    def train(self, epochs: int) -> Any:
        """Train every network for so many epochs; the mean losses, (networks, epochs), unread."""

    def run(self, steps: int) -> int:
        w = self.problem.workload
        epochs = w.passes // self.parts
        a_call = w.networks * epochs * w.batches
        calls = max(1, round(steps / a_call))
        for _ in range(calls):
            self.train(epochs)
        return calls * a_call

    def values(self, passes: int) -> Iterator[float]:
        yield from np.asarray(self.train(passes)).T.ravel().tolist()


class RushlightSweep(Sweeper):
    """``rl.sweep``: every call makes the networks, their optimisers and their histories anew."""

    title = "Rushlight sweep"
    library = "rushlight"
    needs = ("llvmlite",)

    def prepare(self, problem: Problem) -> None:
        import rushlight as rl
        from rushlight.compile.native.threads import set_num_threads

        set_num_threads(self.threads)
        self.data = tuple(rl.from_numpy(a) for a in problem.samples)

    def build(self, number: int) -> Any:
        """The trainer of one network."""
        import rushlight as rl

        workload = self.problem.workload
        model = network(rl, self.problem.members[number])
        optimizer = rl.optim.SGD(model.parameters(), lr=workload.lr, momentum=workload.momentum)
        return rl.train.Trainer(model, optimizer, rl.nn.MSELoss())

    def train(self, epochs: int) -> Any:
        import rushlight as rl

        configs = [{"number": number} for number in range(self.problem.workload.networks)]
        size = self.problem.workload.batch
        result = rl.sweep(
            self.build,
            configs,
            self.data,
            epochs,
            batch_size=size,
            shuffle=False,
            progress=False,
            compile=True,
        )
        return result.curves("train_loss")


class TorchLoop(Contender):
    """The plain training loop, one network after the other; timed on four of them, as each takes as long."""

    title = "PyTorch eager, a loop"
    library = "torch"
    kinds = frozenset({"sweep"})
    most_threads = 1  # steps this small get slower with more
    TIMED = 4

    def setup(self, problem: Problem) -> Step:
        self.networks = [TorchEager(member, self.threads) for member in problem.members]
        apart = len(self.networks) // self.TIMED
        self.timed = self.networks[::apart][: self.TIMED]
        return self.run

    def run(self, steps: int) -> int:
        a_pass = len(self.timed[0].batches)
        each = a_pass * max(1, round(steps / len(self.timed) / a_pass))
        return sum(one.run(each) for one in self.timed)

    def values(self, passes: int) -> Iterator[float]:
        for _ in range(passes):
            for one in self.networks:
                yield from one.values(1)


class JaxVmap(Sweeper):
    """The scan over all steps, mapped over the stacked parameters by ``vmap``: one call an activation."""

    title = "JAX scan, vmap over networks"
    library = "jax"
    parts = 4

    def prepare(self, problem: Problem) -> None:
        import jax
        import jax.numpy as jnp

        half = len(problem.members) // 2
        self.groups: list[tuple[Any, Any]] = []
        batches = tuple(jnp.stack([jnp.asarray(a) for a in p]) for p in zip(*problem.batches, strict=True))
        for members in (problem.members[:half], problem.members[half:]):
            _, step = functions(members[0])
            states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[start(one) for one in members])
            self.groups.append((self.jitted(step, batches), states))

    def jitted(self, step: Any, batches: Any) -> Any:
        """``many(states, epochs) -> (states, losses)`` for stacked states; losses are (networks, epochs)."""
        import jax

        def one(state: Any, epochs: int) -> Any:
            def epoch(s: Any, _: Any) -> Any:
                s, losses = jax.lax.scan(lambda t, batch: step(t, *batch), s, batches)
                return s, losses.mean()

            return jax.lax.scan(epoch, state, length=epochs)

        return jax.jit(lambda states, epochs: self.over(lambda s: one(s, epochs), states), static_argnums=1)

    def over(self, one: Any, states: Any) -> Any:
        """`one` for each of the stacked states."""
        import jax

        return jax.vmap(one)(states)

    def train(self, epochs: int) -> Any:
        import jax
        import jax.numpy as jnp

        # The states stay as they are, so that every call trains anew, as a sweep does.
        losses = [many(states, epochs)[1] for many, states in self.groups]
        return jax.block_until_ready(jnp.concatenate(losses))


class JaxMap(JaxVmap):
    """The same by ``lax.map``: one network after the other, in one call an activation."""

    title = "JAX scan, map over networks"

    def over(self, one: Any, states: Any) -> Any:
        import jax

        return jax.lax.map(one, states)
