"""The benchmark runs: one tiny round of Rushlight and of NumPy by hand, which must compute the same thing."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

import rushlight as rl
from benchmarks import scaling
from benchmarks.__main__ import main
from benchmarks.contenders import CONTENDERS, load
from benchmarks.contenders.onnx_runtime import LENET, onnx_model
from benchmarks.figures import quartiles
from benchmarks.first_call import first_calls
from benchmarks.models import MODELS
from benchmarks.report import markdown
from benchmarks.report_sweep import sweep_table
from benchmarks.run import Plan, Result, Worker, race
from benchmarks.workloads import WORKLOADS, Problem, find, variant

SMALL = {
    "lenet": {"widths": (1, 2, 3, 8, 6, 4), "batch": 3, "batches": 2},
    "conv": {"widths": (2, 3, 4, 3, 4), "batch": 3},
    "gpt": {"widths": (11, 16, 2, 2, 8), "batch": 3},
    "lstm": {"widths": (5, 8, 4, 3), "batch": 6},
    "lstm-layer": {"widths": (5, 8, 4, 3), "batch": 6, "batches": 2},
    "pinn": {"widths": (2, 8, 8, 1), "batch": 20, "batches": 2},
    "ppo": {"widths": (4, 8, 8, 3), "batch": 12, "batches": 2},
    "vae": {"widths": (20, 12, 3), "batch": 6, "batches": 2},
    "ode": {"widths": (3, 2, 8, 8, 2), "batch": 6, "batches": 2},
}


@pytest.mark.parametrize(
    "workload", [w.name for w in WORKLOADS.values() if w.kind != "sweep" and w.model == "mlp"]
)
def test_rushlight_and_numpy_compute_the_same(workload: str) -> None:
    results = race(workload, ["rushlight", "numpy"], 1, Plan(rounds=1, seconds=0.001), log=lambda line: None)
    assert [r.error for r in results] == ["", ""]
    ours, theirs = results
    assert math.isclose(ours.check, theirs.check, rel_tol=1e-5)
    assert all(r.us[0] > 0 for r in results)


@pytest.mark.parametrize("workload", ["disk", "mnist", "infer"])
def test_compiled_contenders_compute_the_same(workload: str) -> None:
    pytest.importorskip("llvmlite")
    names = ["numpy", "rushlight-scan" if workload == "mnist" else "rushlight-compiled"]
    if workload == "disk":
        names.append("rushlight-scan")
    results = race(workload, names, 1, Plan(rounds=1, seconds=0.001), log=lambda line: None)
    assert [r.error for r in results] == [""] * len(names)
    assert all(math.isclose(r.check, results[0].check, rel_tol=1e-4) for r in results)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("contender", ["rushlight-compiled", "torch", "jax"])
def test_larger_models_are_the_same_everywhere(name: str, contender: str) -> None:
    kind = load(contender)
    pytest.importorskip(kind.needs[0] if kind.needs else kind.library)
    problem = Problem(replace(WORKLOADS[name], **SMALL[name]))
    eager = list(load("rushlight")(problem, 1).values(2))
    assert list(kind(problem, 1).values(2)) == pytest.approx(eager, rel=1e-4)
    assert len(set(eager)) == 4


@pytest.mark.parametrize("contender", ["rushlight-compiled", "torch", "jax", "onnxruntime"])
def test_inference_of_a_larger_model_is_the_same_everywhere(contender: str) -> None:
    kind = load(contender)
    pytest.importorskip(kind.needs[0] if kind.needs else kind.library)
    problem = Problem(replace(WORKLOADS["infer-lenet"], batches=2))
    off = getattr(import_module(kind.library), "no_grad", nullcontext)
    with rl.no_grad(), off():  # contenders turn gradients off for their process
        eager = list(load("rushlight")(problem, 1).values(1))
        assert list(kind(problem, 1).values(1)) == pytest.approx(eager, rel=1e-4)
    assert len(set(eager)) == 2


def test_every_model_is_a_workload_and_is_tested() -> None:
    assert set(MODELS) | {"mlp"} == {w.model for w in WORKLOADS.values()}
    assert set(MODELS) == {WORKLOADS[name].model for name in SMALL}


def test_a_sweep_computes_what_each_network_does_alone() -> None:
    pytest.importorskip("llvmlite")
    problem = Problem(replace(WORKLOADS["sweep"], networks=4, passes=3))
    ours = load("rushlight-sweep")(problem, 2)
    alone = [list(load("numpy")(member, 1).values(2)) for member in problem.members]
    means = [sum(steps[10 * n : 10 * n + 10]) / 10 for n in range(2) for steps in alone]
    assert list(ours.values(2)) == pytest.approx(means, rel=1e-5)
    assert len(set(means)) == 8
    assert ours.run(1) == 4 * 3 * 10


def test_the_table_of_a_sweep_gives_whole_runs_and_both_ratios() -> None:
    def entry(contender: str, threads: int, us: list[float]) -> dict[str, object]:
        return Result(contender, contender, threads, us=us, core_share=[float(threads)], check=0.25).record()

    results = [
        entry("torch-loop", 1, [400.0, 300.0, 500.0]),
        entry("rushlight-sweep", 1, [8.0, 10.0, 9.0]),
        entry("rushlight-sweep", 2, [5.0, 4.0, 6.0]),
    ]
    lines = sweep_table({"workload": "sweep", "threads": [1, 2], "results": results})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][1:]
    assert [(row[0], row[2], row[3], row[6]) for row in rows] == [
        ("**rushlight-sweep**", "2", "0.30", "**80.0 times**"),
        ("**rushlight-sweep**", "1", "0.54", "**44.4 times**"),
        ("torch-loop", "1", "24.00", "1.0 times"),
    ]
    assert "Rushlight is 1.80 times as fast on 2 threads as on one." in lines


def test_first_calls_with_an_empty_and_a_warm_cache() -> None:
    times = first_calls("disk", ["numpy", "onnxruntime"], 1, log=lambda line: None)
    assert list(times) == ["numpy"]
    assert all(len(times["numpy"][state]) == 1 for state in ("empty", "warm"))


def test_the_command_writes_both_files(tmp_path, capsys) -> None:
    options = ["--quick", "--only", "infer", "--contenders", "numpy", "--threads", "one"]
    assert main([*options, "--out", str(tmp_path)]) == 0
    table = (tmp_path / "latest.md").read_text()
    assert "| **NumPy by hand** |" in table
    assert table.strip() in capsys.readouterr().out
    report = json.loads((tmp_path / "latest.json").read_text())
    assert markdown(report) == table
    assert report["races"][0]["results"][0]["contender"] == "numpy"


def test_a_worker_that_fails_is_reported_not_fatal() -> None:
    worker = Worker("numpy", "no such workload", 1, pin=False)
    worker.round(0.001)
    result = worker.close()
    assert result.us == []
    assert "no such workload" in result.error


def test_who_cannot_compute_a_workload_does_not_enter() -> None:
    assert race("disk", ["onnxruntime"], 1, Plan(1, 0.001), log=lambda line: None) == []


def test_problems_are_equal_in_every_process() -> None:
    for workload in WORKLOADS.values():
        one, two = Problem(workload), Problem(workload)
        assert len(one.batches) == workload.batches
        for a, b in zip(one.batches, two.batches, strict=True):
            assert all((x == y).all() for x, y in zip(a, b, strict=True))
        if workload.model == "mlp":
            assert all((a[0] == b[0]).all() for a, b in zip(one.layers, two.layers, strict=True))
        else:
            first, second = one.model.parameters(), two.model.parameters()
            assert all((first[k] == second[k]).all() for k in first)


def test_every_contender_can_be_loaded_without_its_library() -> None:
    for name in CONTENDERS:
        assert load(name).title


def test_quartiles() -> None:
    assert quartiles([3.0]) == (3.0, 3.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 4.0)


def test_onnx_bytes_begin_with_the_ir_version() -> None:
    problem = Problem(WORKLOADS["infer-lenet"])
    model = onnx_model(LENET, problem.model.parameters(), (1, 1, 28, 28), 10)
    assert model[:2] == b"\x08\x08"


def test_a_batch_may_be_smaller_than_the_classes() -> None:
    problem = Problem(find(variant("mnist", widths=[4, 5, 3], batch=1, batches=2)))
    x, labels = problem.samples
    assert x.shape == (2, 4)
    assert labels.shape == (2,)


def test_how_cost_grows(tmp_path: Path) -> None:
    """Names of variants, the best of several ways, and the page that follows from the figures."""
    name = variant("mnist", widths=[4, 5, 3], batch=6, batches=2)
    assert find(name).widths == (4, 5, 3)
    assert find("mnist") is not None
    axis = replace(
        scaling.AXES[0], sizes=(4, 5), workload=lambda n: variant("mnist", widths=[4, n, 3], batch=6)
    )
    found = scaling.measure([axis], Plan(1, 0.001), lambda line: None)
    ours = found["axes"]["width"]["lines"]["Rushlight"]
    assert len(ours) == 2
    assert all(figure > 0 for figure in ours)
    found["axes"]["width"]["lines"] = {"Rushlight": [2.0, 1234.5], "PyTorch": [3.0, 8.0], "JAX": [None, None]}
    text = scaling.page(found)
    assert "| Rushlight | 2 | 1,234 |" in text
    assert "Least needs Rushlight at 4; PyTorch at 5." in text
    found["axes"]["width"]["lines"] = {"Rushlight": [2.0, 4.0], "PyTorch": [3.0, None], "JAX": [None, None]}
    assert "Least needs Rushlight at 4. Not all could be measured at 5." in scaling.page(found)
    scaling.draw(found, tmp_path)
    assert (tmp_path / "scaling-width.svg").read_text().startswith("<?xml")
