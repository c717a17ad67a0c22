"""Sweeps by the workers of an executor: to the bits of each network alone, whoever trained it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn
from rushlight.errors import ArgumentError, DTypeError, WorkerError
from rushlight.optional import MissingPackageError
from rushlight.train import Callback, Interrupted, Trainer
from rushlight.train.sweeping.kept import Kept
from tests.cli_helpers import call
from tests.mpi_helpers import mpirun
from tests.train import lost_workers
from tests.train.lost_workers import CONFIGS, TRAIN, alone, bits, killing, sweep

pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")

Cluster = tuple[Any, Any, Any]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    """What every network comes to alone."""
    return [alone(config) for config in CONFIGS]


@pytest.fixture(scope="module")
def dask() -> Iterator[Cluster]:
    """Two workers of Dask's, in processes of their own."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    with lost_workers.dask() as cluster:
        yield cluster


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs take no longer than they must."""
    monkeypatch.setenv("RUSHLIGHT_SLOWLY", "0")


def check(result: rl.Sweep, expected: list[Any]) -> None:
    for run, bits_alone in zip(result, expected, strict=True):
        assert bits(run.trainer) == bits_alone, run
        assert run.over


class Here(Executor):
    """Runs what it is given at once, in this process; `script` says what happens to each call."""

    def __init__(self, script: Any = None, workers: int = 2) -> None:
        self.script, self._max_workers = script or (lambda number, call: call()), workers
        self.calls: list[Any] = []

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append(arguments)
        try:
            future.set_result(self.script(len(self.calls), lambda: function(*arguments)))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_processes(expected: list[Any]) -> None:
    """Takes some seconds, as new processes import and compile."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        check(sweep(pool), expected)
        hidden = 5  # functions that have no name elsewhere are sent, too

        def build(lr: float, seed: int) -> Trainer:
            model = nn.MLP(2, [hidden], 1)
            return Trainer(model, rl.optim.SGD(model.parameters(), lr=lr), nn.MSELoss(), metrics=["error"])

        configs = rl.grid(lr=[0.1, 1e20], seed=range(2))
        far = rl.sweep(build, configs, TRAIN, 3, executor=pool, progress=False)
    near = rl.sweep(build, configs, TRAIN, 3, progress=False)
    assert (far.compiled or 0) >= (near.compiled or 0)
    assert far.why_eager == near.why_eager
    assert [run.diverged for run in far] == [run.diverged for run in near]
    assert far[2].diverged is not None
    assert [bits(run.trainer) for run in far][:2] == [bits(run.trainer) for run in near][:2]


def test_a_pool_that_breaks_is_made_again(expected: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    """Takes some seconds, as new processes import."""
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with killing(lambda: list(pool._processes or ()), 1, 0) as struck:
        check(sweep(pool), expected)
    pool.shutdown()
    assert len(struck) == 1


@pytest.mark.usefixtures("quick")
def test_threads_train_one_at_a_time(expected: list[Any]) -> None:
    rl.manual_seed(4)
    before = rl.get_rng_state().tolist()
    with ThreadPoolExecutor(3) as pool:
        check(sweep(pool), expected)
    assert rl.get_rng_state().tolist() == before


def test_dask(dask: Cluster, expected: list[Any]) -> None:
    check(sweep(dask[0]), expected)


def test_workers_of_dask_are_killed(dask: Cluster, expected: list[Any]) -> None:
    """Takes some seconds, as the workers start again. RUSHLIGHT_KILLS asks for more of them."""
    kills, struck = int(os.environ.get("RUSHLIGHT_KILLS", "1")), 0
    while struck < kills:
        with killing(dask[1], min(4, kills - struck), struck) as killed:
            check(sweep(dask[0]), expected)
        struck += len(killed)


def test_mpi() -> None:
    """Takes some seconds, as four processes import."""
    out = mpirun(4, "-m", "mpi4py.futures", "-m", "tests.train.mpi_sweep")
    assert out.strip().endswith("12 networks by 3 workers")


def test_command_line(dask: Cluster, tmp_path: Path) -> None:
    options = ("--hidden", "4", "--epochs", "2", "--seeds", "4", "--no-pictures", "--no-compile")
    far = call("sweep", "disk", *options, "--out", tmp_path / "far", "--dask", dask[2].scheduler_address)
    assert far.code == 0, far.err
    assert f"by the workers of Dask at {dask[2].scheduler_address}" in far.out
    near = call("sweep", "disk", *options, "--out", tmp_path / "near")
    assert near.code == 0, near.err
    first, second = ((tmp_path / name / "sweep.csv").read_text() for name in ("far", "near"))
    assert first == second
    assert {path.name for path in (tmp_path / "far").iterdir()} == {
        "epochs.csv", "model.safetensors", "sweep.csv",
    }  # fmt: skip
    lost = call("sweep", "disk", *options, "--dask", "nonsense://")
    assert lost.code == 1
    assert "--dask nonsense://: no scheduler answers there" in lost.err


@pytest.mark.usefixtures("quick")
def test_what_is_kept_is_not_trained_again(expected: list[Any], tmp_path: Path) -> None:
    pressed = Here(lambda number, go: go() if number < 3 else signal.raise_signal(signal.SIGINT) or go())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(Interrupted, match="of 12 networks done") as caught:
            sweep(pressed, out=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    done = [run.number for run in caught.value.sweep if run.over]
    assert 0 < len(done) < 12
    here = Here()
    check(sweep(here, out=tmp_path, resume=True), expected)
    sent = [number for _, share, *_ in here.calls for number in pickle.loads(share).numbers]
    assert sorted(sent + done) == list(range(12))
    check(sweep(Here(), out=tmp_path, resume=True), expected)
    check(sweep(None, out=tmp_path, resume=True), expected)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith("run")]


@pytest.mark.usefixtures("quick")
def test_large_data_are_sent_once_to_each_worker(
    expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.train.sweeping import share, spread

    monkeypatch.setattr(spread, "SMALL", 0)
    monkeypatch.setattr(spread, "LONG", 0.0)
    monkeypatch.setattr(share, "_held", {})

    def forgets(number: int, go: Any) -> Any:
        if number == 4:
            share._held.clear()
        return go()

    here = Here(forgets)
    check(sweep(here), expected)
    with_data = [number for number, _, _, data in here.calls if data is not None]
    assert with_data == [1, 2, 7, 8, 9]  # all three that were away found it empty
    assert len(here.calls) > 6


def broken(number: int, go: Any) -> Any:
    raise BrokenExecutor("it broke")


def lost(number: int, go: Any) -> Any:
    raise ConnectionError("the worker is gone")


@pytest.mark.usefixtures("quick")
def test_what_is_lost_again_and_again(expected: list[Any]) -> None:
    with pytest.raises(WorkerError, match="which was lost with its worker 9 times") as caught:
        sweep(Here(lost))
    assert isinstance(caught.value.__cause__, ConnectionError)
    check(sweep(Here(lambda number, go: lost(number, go) if number % 2 else go())), expected)
    with pytest.raises(WorkerError, match="an executor that broke"):
        sweep(Here(broken))
    made: list[Here] = []

    def make() -> Here:
        made.append(Here(broken if len(made) < 2 else None))
        return made[-1]

    check(sweep(make), expected)
    assert len(made) == 3


class Killed(BaseException):
    """Ends a worker in the middle of what it does."""


def dying(calls: int) -> Any:
    """A script of workers that are lost when `Killed` was raised in them, in the first calls at least."""

    def script(number: int, go: Any) -> Any:
        answer = go()
        if number <= calls:
            assert b"Killed" in answer.error[0]
        if answer.error is not None:
            raise ConnectionError("the worker is gone")
        return answer

    return script


EPOCHS_RUN: list[int] = []


class DiesAt(Callback):
    """Ends the worker at epochs 4 and 9, each time once."""

    left: list[int] = []  # noqa: RUF012

    def on_epoch_end(self, trainer: Trainer, row: Any) -> None:
        EPOCHS_RUN.append(trainer.position.epoch)
        if trainer.position.epoch in self.left:
            self.left.remove(trainer.position.epoch)
            raise Killed


def build_dying(seed: int, out: Any = None) -> Trainer:
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Dropout(0.1), nn.Linear(4, 1))
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)
    return Trainer(model, optimizer, nn.MSELoss(), checkpoint_epochs=2, callbacks=[DiesAt()])


@pytest.mark.parametrize("reached", [True, False])
def test_a_lost_network_goes_on_from_what_its_worker_kept(
    reached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the worker reaches the sweep's folder; else it begins again."""
    options: dict[str, Any] = {"progress": False, "compile": False, "batch_size": 30}
    configs = [{"seed": 0}, {"seed": 1}]
    DiesAt.left = []
    whole = [bits(run.trainer) for run in rl.sweep(build_dying, configs, TRAIN, 12, **options)]
    DiesAt.left, EPOCHS_RUN[:] = [4, 9], []
    if not reached:
        monkeypatch.setattr("rushlight.train.sweeping.kept.TOKEN", "no such file")
        lend = Kept.lend
        monkeypatch.setattr(Kept, "lend", lambda *a: (lend(*a)[0], "another token"))
    here = Here(dying(2), workers=1)
    found = rl.sweep(build_dying, configs, TRAIN, 12, executor=here, out=tmp_path, **options)
    assert [bits(run.trainer) for run in found] == whole
    assert len(here.calls) > 2
    assert (len(EPOCHS_RUN) <= 2 * 12 + 2 * 2) == reached  # a checkpoint every two epochs
    assert {path.name for path in tmp_path.iterdir()} == {
        "plan.json",
        *(p.name for p in tmp_path.glob("done-*")),
    }


def test_networks_that_train_side_by_side_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker kept is sent along when they are sent again, and after a resumption of the whole."""
    pytest.importorskip("llvmlite")
    from rushlight.train.sweeping import kept, states

    monkeypatch.setattr(kept, "SECONDS", 0.0)
    monkeypatch.setattr(kept, "SHARE", 0)
    monkeypatch.setattr("rushlight.train.sweeping.lockstep.SECONDS", 1e-4)
    monkeypatch.setattr("rushlight.train.compiled.FIRST", 1)
    configs = rl.grid(width=[5], lr=[0.01, 0.02], seed=range(2))

    def build(width: int, lr: float, seed: int) -> Trainer:
        trainer = lost_workers.build(width, lr, seed)
        trainer.callbacks.items = []
        return trainer

    options: dict[str, Any] = {"batch_size": 40, "validation": lost_workers.VALIDATION, "progress": False}
    whole = [bits(run.trainer) for run in rl.sweep(build, configs, TRAIN, 40, **options)]
    save, saved = kept.Lent.save, []

    def dies(self: Any, runs: Any) -> None:
        save(self, runs)
        saved.append(runs[0].trainer.position.epoch)
        if len(saved) in (3, 6):
            raise Killed

    monkeypatch.setattr(kept.Lent, "save", dies)

    def interrupted(number: int, go: Any) -> Any:
        if number == 3:
            signal.raise_signal(signal.SIGINT)
        return dying(2)(number, go)

    here = Here(interrupted, workers=1)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(Interrupted) as caught:
            rl.sweep(build, configs, TRAIN, 40, executor=here, out=tmp_path, **options)
    finally:
        signal.signal(signal.SIGINT, before)
    shares = [pickle.loads(share) for _, share, *_ in here.calls]
    sent = [(share.numbers, states.parse(share.states, "") if share.states else []) for share in shares]
    assert [(numbers, begun) for numbers, begun in sent if not begun][:2] == [([0], []), ([1], [])]
    again_sent = [state for _, begun in sent for state in begun]
    assert again_sent
    assert all((False, 0, 0) < state.progress < (False, 40, 0) for state in again_sent)
    assert not all(run.over for run in caught.value.sweep)
    again = Here(workers=1)
    found = rl.sweep(build, configs, TRAIN, 40, executor=again, out=tmp_path, resume=True, **options)
    assert [bits(run.trainer) for run in found] == whole


def test_a_program_s_own_interrupt_stops_the_sweep(tmp_path: Path) -> None:
    """As Ctrl-C does, at once, and not as if the worker was lost."""

    def build(seed: int) -> Trainer:
        model = nn.Linear(2, 1)

        def loss(prediction: Any, target: Any) -> Any:
            raise KeyboardInterrupt

        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), loss)

    here = Here()
    with pytest.raises(Interrupted, match="with 0 of 3 networks done"):
        rl.sweep(build, rl.grid(seed=range(3)), TRAIN, 1, executor=here, progress=False, compile=False)
    assert len(here.calls) <= 3


def test_what_training_raises() -> None:
    def build(seed: int) -> Trainer:
        model = nn.Linear(3, 1)  # the data have two columns
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())

    with pytest.raises(rl.errors.ShapeError) as caught:
        rl.sweep(build, [{"seed": 0}], TRAIN, 1, executor=Here(), progress=False, compile=False)
    assert "raised in a worker of the sweep" in caught.value.__notes__[0]
    with pytest.raises(DTypeError, match="a concurrent.futures.Executor, or a function"):
        sweep(3)
    with pytest.raises(DTypeError, match="a concurrent.futures.Executor"):
        sweep(lambda: 3)
    with pytest.raises(ArgumentError, match="resume=True without a folder"):
        sweep(Here(), resume=True)


class Oddly(Exception):
    """Takes two things to make, and so cannot be read again once it is pickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("odd")


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: SystemExit(3), SystemExit, "3"),
        (lambda: GeneratorExit("g"), GeneratorExit, "g"),
        (lambda: Oddly(1, 2), (RuntimeError, Oddly), "odd"),  # distributed makes it one that can
    ],
)
def test_what_a_program_raises_comes_up_at_once(make: Any, kind: Any, text: str) -> None:
    """Nothing of it is taken for the loss of a worker."""

    def build(seed: int) -> Trainer:
        model = nn.Linear(2, 1)

        def loss(prediction: Any, target: Any) -> Any:
            raise make()

        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), loss)

    here = Here()
    with pytest.raises(kind, match=text):
        rl.sweep(build, [{"seed": 0}], TRAIN, 1, executor=here, progress=False, compile=False)
    assert len(here.calls) == 1


def test_warnings_of_classes_that_cannot_be_sent() -> None:
    class Local(FutureWarning):
        """Has no name elsewhere."""

    def build(seed: int) -> Trainer:
        model = nn.Linear(2, 1)

        def loss(prediction: Any, target: Any) -> Any:
            warnings.warn("of one's own", Local, stacklevel=1)
            return nn.functional.mse_loss(prediction, target)

        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), loss)

    def sent(number: int, go: Any) -> Any:
        return pickle.loads(pickle.dumps(go()))

    with pytest.warns(FutureWarning, match="of one's own"):
        rl.sweep(build, [{"seed": 0}], TRAIN, 1, executor=Here(sent), progress=False, compile=False)


def test_what_cannot_be_sent() -> None:
    def keeping(seed: int) -> Trainer:
        trainer = build_one()
        trainer.out = Path("somewhere")
        return trainer

    def build_one(seed: int = 0) -> Trainer:
        model = nn.Linear(2, 1)
        return Trainer(model, rl.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())

    options: dict[str, Any] = {"executor": Here(), "progress": False, "compile": False}
    with pytest.raises(ArgumentError, match="a trainer with a folder `out`"):
        rl.sweep(keeping, [{"seed": 0}], TRAIN, 1, **options)
    lock = threading.Lock()
    with pytest.raises(DTypeError, match="a build that cannot be sent"):
        rl.sweep(lambda seed: (lock, build_one(seed))[1], [{"seed": 0}], TRAIN, 1, **options)


@pytest.mark.usefixtures("quick")
def test_shares_are_cut_by_what_training_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.train.sweeping import spread

    cost = {5: 1.0, 7: 4.0}
    monkeypatch.setattr(
        spread.Costs, "of", lambda self, run: cost[run.config["width"]] if self.known else None
    )
    monkeypatch.setattr(spread, "LONG", 4.5)
    here = Here()
    sweep(here)
    sent = [pickle.loads(share).configs for _, share, *_ in here.calls]
    assert [[config["width"] for config in share] for share in sent] == [
        [7, 7], [7, 7], [7], [7], [5, 5], [5, 5], [5, 5],
    ]  # fmt: skip

    monkeypatch.undo()
    costs = spread.Costs()
    runs = rl.sweep(lost_workers.build, CONFIGS[::6], TRAIN, 1, progress=False, compile=False).runs
    assert costs.of(runs[0]) is None
    costs.learn(runs[:1])
    known = costs.of(runs[0])
    assert known == pytest.approx(runs[0].history.rows[0]["seconds"])
    assert costs.of(runs[1]) == pytest.approx(known * 29 / 21)


@pytest.mark.usefixtures("quick")
def test_warnings_come_up_here_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.train.eligible.find_spec", lambda name: None)
    with pytest.warns(RuntimeWarning, match="llvmlite is not installed") as seen:
        result = sweep(Here(), compile="auto")
    assert len(seen) == 1
    assert "llvmlite" in (result.why_eager or "")


@pytest.mark.usefixtures("quick")
def test_a_sweep_without_workers_says_that_it_waits(
    expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.train.sweeping import spread

    monkeypatch.setattr(spread, "PATIENCE", -1.0)
    monkeypatch.setattr(spread, "LOOK", 0.0)

    class Late(Here):
        """Its shares are trained when somebody asks for the workers, of which there are none."""

        waiting: list[Any] = []  # noqa: RUF012

        @property
        def _client(self) -> Any:
            return self

        def nthreads(self) -> dict[str, int]:
            for future, function, arguments in self.waiting:
                future.set_result(function(*arguments))
            self.waiting.clear()
            return {}

        def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
            self.waiting.append((Future(), function, arguments))
            return self.waiting[-1][0]

    with pytest.warns(RuntimeWarning, match="the sweep waits: its executor has no workers"):
        check(sweep(Late()), expected)


@pytest.mark.usefixtures("quick")
def test_workers_of_another_kind_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.train.sweeping import share

    here = dict(share.machine())
    monkeypatch.setattr(share, "machine", lambda: {**here, "numpy": "1.0"})
    with pytest.warns(RuntimeWarning, match=f"a worker has numpy 1.0, not {here['numpy']}: its netw") as seen:
        sweep(Here())
    assert len(seen) == 1


def test_without_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(MissingPackageError, match=r"sweep\(executor=...\) needs cloudpickle: pip install"):
        sweep(Here())
