"""The benchmark runs: one tiny round of Rushlight and of NumPy by hand, which must compute the same thing."""

from __future__ import annotations

import json
import math

import pytest

from benchmarks.__main__ import main
from benchmarks.contenders import CONTENDERS, load
from benchmarks.contenders.onnx_runtime import mlp_model
from benchmarks.first_call import first_calls
from benchmarks.report import markdown, quartiles
from benchmarks.run import Plan, Worker, race
from benchmarks.workloads import WORKLOADS, Problem


@pytest.mark.parametrize("workload", list(WORKLOADS))
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


def test_first_calls_with_an_empty_and_a_warm_cache() -> None:
    times = first_calls(["numpy", "onnxruntime"], 1, log=lambda line: None)
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
        assert (one.samples[0] == two.samples[0]).all()
        assert len(one.batches) == workload.batches
        assert all((a[0] == b[0]).all() for a, b in zip(one.layers, two.layers, strict=True))


def test_every_contender_can_be_loaded_without_its_library() -> None:
    for name in CONTENDERS:
        assert load(name).title


def test_quartiles() -> None:
    assert quartiles([3.0]) == (3.0, 3.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 4.0)


def test_onnx_bytes_begin_with_the_ir_version() -> None:
    model = mlp_model(Problem(WORKLOADS["infer"]).layers, 1)
    assert model[:2] == b"\x08\x08"
