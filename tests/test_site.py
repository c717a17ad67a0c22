"""The documentation site: what it shows of the repository, and how docstrings become pages."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import rushlight as rl
from rushlight import nn
from scripts.site import api, docstrings, formulas, hooks, mathml

ROOT = Path(__file__).parents[1]
LAYERS = ROOT / "docs" / "guide" / "layers.md"
NOT_LAYERS = {
    "ACTIVATIONS", "Initializer", "LazyModuleMixin", "RNNBase", "RNNCellBase", "UninitializedBuffer",
    "UninitializedParameter", "activation_from_name", "data_parallel", "functional", "init", "utils",
}  # fmt: skip


def test_the_page_of_layers_has_all_of_them_and_no_others() -> None:
    rows = [row for row in LAYERS.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(set(nn.__all__) - NOT_LAYERS)
    everywhere = re.findall(r"`([A-Z]\w+)`", LAYERS.read_text(encoding="utf-8"))
    assert set(everywhere) <= set(nn.__all__)


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r"'([\w/.-]+\.md)'", str(hooks.navigation()))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    made = {*hooks.pages_outside().values(), *api.pages()}
    assert set(listed) == pages | made
    assert len(listed) == len(set(listed))
    for source in hooks.pages_outside():
        assert (ROOT / source).exists()


@pytest.mark.parametrize(
    ("page", "link", "becomes"),
    [
        ("index.md", "docs/guide/compile.md#loops", "guide/compile.md#loops"),
        ("index.md", "docs/images/disk.png", "images/disk.png"),
        ("index.md", "examples/lenet_mnist.py", "examples/lenet_mnist.md"),
        ("index.md", "LICENSE", "project/licence.md"),
        ("guide/06-from-pytorch.md", "../../README.md#install", "../index.md#install"),
        ("guide/06-from-pytorch.md", "../../examples", "../examples/index.md"),
        ("guide/benchmarks.md", "../../benchmarks/README.md", "../benchmarks/method.md"),
        ("guide/benchmarks.md", "compile.md", "compile.md"),
        ("project/contributing.md", "docs/guide/04-extending.md", "../guide/04-extending.md"),
        ("benchmarks/method.md", "results/latest.md", "latest.md"),
        ("index.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("index.md", "#install", "#install"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(page: str, link: str, becomes: str) -> None:
    assert hooks._links(f"[x]({link})", page) == f"[x]({becomes})"


def test_every_public_name_has_its_place() -> None:
    entries = api.entries()
    for package in ("", "nn", "nn.functional", "optim", "data", "distributions", "train"):
        module = getattr(rl, package.replace("nn.functional", "nn")) if package else rl
        module = nn.functional if package == "nn.functional" else module
        for name in module.__all__:
            value = getattr(module, name)
            shown = f"{package}.{name}".lstrip(".")
            if (inspect.isclass(value) or inspect.isfunction(value)) and shown not in entries:
                path = api._identifier(value)
                assert path is None or path in entries.values() or not inspect.getdoc(value), shown


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1 / sqrt(x)", ["<mfrac><mn>1</mn><msqrt><mi>x</mi></msqrt></mfrac>"]),
        ("lr m / (1 - β₁ᵗ) · r", ["<mtext>lr</mtext>", "<msubsup><mi>β</mi><mn>1</mn><mi>t</mi></msubsup>"]),
        ("1 / max(1, t)", ["<mfrac><mn>1</mn><mrow><mtext>max</mtext><mrow><mo"]),
        ("e^-|x| I0(x)", ["<msup><mi>e</mi><mrow><mo>−</mo>", "<msub><mi>I</mi><mn>0</mn></msub>"]),
        ("h_{t-1} W_hhᵀ", ["<msub><mi>h</mi><mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub>"]),
        ("p <- p - lr d", ["<mo>←</mo>"]),
        ("x W_ihᵀ", ["<msubsup><mi>W</mi><mi>ih</mi><mi>T</mi></msubsup>"]),
        ("Σ_j exp(x_j)", ["<msub><mo>∑</mo><mi>j</mi></msub>"]),
        ("∇W = ∇yᵀ x", ["<mrow><mi>∇</mi><mi>W</mi></mrow>"]),
        ("w[t] ln softmax(x)[t]", ["<msub><mi>w</mi><mi>t</mi></msub>"]),
        ("‖x‖^2 + k!", ['<mo stretchy="false">‖</mo>', "<mo>!</mo>"]),
    ],
)
def test_formulas_are_set(text: str, parts: list[str]) -> None:
    found = mathml.mathml(text)
    for part in parts:
        assert part in found
    opened = re.findall(r"<(m\w+)", found)
    assert sorted(opened) == sorted(re.findall(r"</(m\w+)>", found))


@pytest.mark.parametrize("text", ["x +", "(x", "x)", "|x", "not: this", "1 // 2", "x == y"])
def test_what_is_no_formula(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        mathml.mathml(text)


@pytest.mark.parametrize(
    "text",
    [
        "a layer of 2-d images (N, C, H, W), the k-th of 64-bit ones",
        "R4's loss, in 1 to 5 steps (Ba et al., 2016.)",
        "for inputs (N, C, ...) or (*, D), in float32",
        "x + y(of something) and a * (word)",
    ],
)
def test_prose_stays(text: str) -> None:
    assert formulas.inline(text) == text.replace("*", "&#42;")


def test_formulas_in_prose() -> None:
    text = formulas.inline("the moving average a x + (1 - a) y, where y > 0, of the input: h' = tanh(c').")
    assert text.count("<math>") == 3
    assert text.startswith("the moving average <span><math>")


def test_docstrings_become_pages() -> None:
    """Of all entries: no column, doctest or literal block is left as it was written."""
    known = api.entries()
    tables = maths = 0
    for topic in api.topics():
        for value in api.names(topic).values():
            made = docstrings.as_markdown(inspect.getdoc(value) or "", known, str(api._identifier(value)))
            outside = re.sub(r"```.*?```", "", made, flags=re.DOTALL)
            assert ">>>" not in outside
            assert "::\n" not in outside
            assert "``" not in outside
            tables += "|---|" in made
            maths += "<math" in made
    assert tables > 80
    assert maths > 250


def test_a_literal_block_that_is_no_formula_is_code() -> None:
    assert "```python\nrl.manual_seed(s)" in docstrings.as_markdown(inspect.getdoc(rl.sweep) or "")
    assert '<div class="formulas">' in docstrings.as_markdown(inspect.getdoc(rl.optim.Adam) or "")


def test_names_lead_to_their_entries() -> None:
    known = api.entries()
    made = docstrings.as_markdown("See `Conv1d`, `F.gelu`, `none`.", known, "rushlight.nn.conv.Conv2d")
    gelu = known["nn.functional.gelu"]
    assert made == f"See [`Conv1d`][rushlight.nn.conv.Conv1d], [`F.gelu`][{gelu}], `none`."
