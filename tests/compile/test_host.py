"""The description of the host, and holding it to less than it has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from rushlight.compile import host
from rushlight.compile.host import ISAS, Caches, _from_files, _has, available, described, llvm
from rushlight.errors import ArgumentError
from tests.fuzz.run import like

HELD = _has(llvm().get_host_cpu_features().flatten()) if available() else []
"""The instruction sets that this processor has."""
ZEN3 = "+sse2,+avx,+avx2,+fma,+f16c,-avx512f"


@pytest.mark.parametrize(
    ("features", "wanted", "isa", "width", "registers"),
    [
        (ZEN3, "", "avx2", 32, 16),
        (ZEN3, "sse2", "sse2", 16, 16),
        ("+sse2,+avx", "", "sse2", 16, 16),  # without AVX2 nothing is made of AVX
        ("+neon", "", "neon", 16, 32),
        (f"{ZEN3[:-9]},+avx512f", "", "avx2", 32, 16),  # masks of all widths need more than +avx512f
        (",".join([*ISAS["avx2"].needs, *ISAS["avx512"].needs, "+sse2"]), "", "avx512", 64, 32),
        ("+rva20", "", "cpu", 16, 16),
    ],
)
def test_what_there_is(features: str, wanted: str, isa: str, width: int, registers: int) -> None:
    found = described("cpu", features, wanted, Caches())
    assert (found.isa, found.width, found.registers) == (isa, width, registers)
    assert found.lanes(4) == 2 * found.lanes(8) == width // 4
    held = bool(wanted)
    assert (found.cpu == "cpu", found.features.startswith(features)) == (not held, not held)


@pytest.mark.parametrize("wanted", ["avx512", "neon", "avx10", "AVX2"])
def test_more_than_there_is(wanted: str) -> None:
    with pytest.raises(ArgumentError, match=f"RUSHLIGHT_ISA='{wanted}'.*expected one of sse2, avx2"):
        described("znver3", ZEN3, wanted, Caches())


def test_sizes_of_caches(tmp_path: Path) -> None:
    for k, (level, kind, size) in enumerate(
        [("1", "Data", "48K"), ("1", "Instruction", "64K"), ("3", "U", "8M")]
    ):
        folder = tmp_path / f"index{k}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(text + "\n")
    (tmp_path / "index9").mkdir()
    assert _from_files(tmp_path) == {"l1": 48 << 10, "l3": 8 << 20}


def test_the_environment_chooses() -> None:
    pytest.importorskip("llvmlite")
    code = "from rushlight.compile.host import describe; print(describe().isa)"

    def run(isa: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "RUSHLIGHT_ISA": isa}
        return subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True)

    first = run("nothing of the kind")
    assert "ArgumentError: compile: got RUSHLIGHT_ISA='nothing of the kind'; expected one of" in first.stderr
    least = first.stderr.split("expected one of ")[1].split(",")[0].split(".")[0]
    assert run(least).stdout.strip() == least


BITS = """
import hashlib
import rushlight as rl
from rushlight.nn import functional as F

def found(x, y):
    totals = x.sum(), (x * y).sum(-1), x.exp().mean(0), x.var(0), x.cumsum(-1), x.amax(0), x.argmax(-1)
    return *totals, (x * y).tanh() + x.sigmoid(), F.softmax(x, -1), F.softmax(x, -1).sum(0), F.dropout(x)

bits = hashlib.sha256()
shapes = (7,), (100, 25), (25, 100), (3, 5, 17), (1, 300)
for shape, dtype in zip(shapes, [rl.float32, rl.float32, rl.float64, rl.float16, rl.float32]):
    rl.manual_seed(0)
    for t in rl.compile(found)(rl.randn(*shape).to(dtype), rl.randn(*shape).to(dtype)):
        bits.update(t.numpy().tobytes())
print(bits.hexdigest())
"""


@pytest.mark.skipif(len(HELD) < 2, reason="a processor with one instruction set")
def test_all_but_products_has_the_same_bits_with_every_instruction_set() -> None:
    def run(isa: str) -> str:
        given = {**os.environ, "RUSHLIGHT_ISA": isa}
        found = subprocess.run([sys.executable, "-c", BITS], env=given, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert len({run(isa) for isa in HELD}) == 1


@pytest.mark.skipif(not available(), reason="no llvmlite")
@pytest.mark.parametrize("name", ISAS)
def test_programs_as_written_for_other_processors_have_these_bits(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSHLIGHT_CACHE", "")
    found = []
    for processor in (host.describe(), like(name)):
        with mock.patch.object(host, "describe", return_value=processor):
            exec(BITS, {})
        found.append(capsys.readouterr().out)
    assert len(found[0].split()) == 1
    assert found[0] == found[1]
