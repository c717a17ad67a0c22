"""Finds the formulas in the prose of docstrings. Text that does not parse stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from scripts.site.mathml import FUNCTIONS, RELATIONS, SUMS, Token, mathml, tokens

__all__ = ["display", "inline"]

_WORDS = """
    weight bias input other target value mean variance loc scale rate lr momentum dampening threshold
    eps alpha beta gamma delta lambda lambd mu pi rho sigma theta tau eta inf weight_decay end tensor1
    tensor2 vec1 vec2 mat1 mat2 batch1 batch2 margin median decay average weights negative_slope lower
    upper correction norm_type max_norm total_norm padding dilation stride output_padding kernel_size
    size output_size mat vec mask gain fan_in fan_out std concentration rows columns rms lr_decay p_norm
    anchor positive negative
"""
WORDS = set(_WORDS.split())
PROSE = {"input", "norm", "average", "median", "weights", "mean", "relu", "positive", "negative", "value"}
"""Words with which a formula does not begin, if another word follows."""


def display(lines: list[str]) -> str:
    """Lines of formulas, with remarks behind some, as a block; empty if they are no formulas."""
    rows = []
    for line in lines:
        cells = re.split(r"\s{3,}", line.strip())
        try:
            rows.append([_cell(cell, first=i == 0) for i, cell in enumerate(cells)])
        except ValueError:
            return ""
    body = "".join("<div>" + "".join(f"<span>{cell}</span>" for cell in row) + "</div>" for row in rows)
    return f'<div class="formulas">{body}</div>'


def _cell(text: str, first: bool) -> str:
    text = text.rstrip(",")
    try:
        return mathml(text, block=True)
    except ValueError:
        if first and "," not in text:
            raise
        head, _, rest = text.partition(",")
        told = mathml(head, block=True) + escape("," + rest) if first else inline(text)
        return re.sub(r"``?([^`]+)``?", r"<code>\1</code>", told)


def inline(text: str) -> str:
    """Prose whose formulas are set.

    >>> inline("The root x^2, of any shape.")
    'The root <span><math><msup><mi>x</mi><mn>2</mn></msup></math></span>, of any shape.'
    """
    made, at = [], 0
    for start, end in _runs(text):
        try:
            math = f"<span>{mathml(text[start:end])}</span>"  # bare at a line's start it would be a block
        except ValueError:
            continue
        made += [_escaped(text[at:start]), math]
        at = end
    return "".join([*made, _escaped(text[at:])])


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("*", "&#42;").replace("_", "&#95;").replace("[", "&#91;")


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Where formulas may stand: as many tokens of formulas as follow one another, without loose ends."""
    at = 0
    while at < len(text):
        if at and (text[at - 1].isalnum() or text[at - 1] in "_.`"):
            at += 1
            continue
        run = _run(text, at)
        if run:
            while run and not _whole(run):
                run.pop()
            if len(run) > 1 and _is_word_before(run):
                del run[0]
            if len(run) > 1 and _says_something(run):
                if not _cut(text, run[0].start, run[-1].end):
                    yield run[0].start, run[-1].end
                at = run[-1].end
                continue
        match = re.compile(r"\w+|\W").match(text, at)
        at = match.end() if match else at + 1


def _run(text: str, at: int) -> list[Token]:
    run: list[Token] = []
    depth = 0
    for token in tokens(text, at):
        if not run and (token.start != at or not _opens(token)):
            return []
        if not _mathy(token) or (token.text in ",;" and depth == 0):
            break
        joined = run and run[-1].kind in ("name", "number") and not token.spaced
        if joined and re.match(r"-[a-z]{1,9}\b(?! *[-+*/=^)])", text[token.start :]):
            break  # 2-d, k-th
        if depth == 0 and re.match(r"'[a-z]", text[token.end :]):
            break  # R4's
        depth += (token.text in "([{") - (token.text in ")]}")
        if depth < 0:
            break
        run.append(token)
    return run


def _mathy(token: Token) -> bool:
    if token.kind != "name":
        return True
    bare = token.text.split("_")[0]
    return (
        len(bare) <= 1
        or token.text in FUNCTIONS | WORDS
        or bool(re.fullmatch(r"[Ͱ-Ͽñŷx̂].?", bare))
        or (re.fullmatch(r"[a-zA-Z]\d|d[a-z]|[a-zA-Z]̂", token.text) is not None)
    )


def _opens(token: Token) -> bool:
    return token.kind in ("number", "name") or token.text in (
        "(",
        "-",
        "−",
        "|",
        "±",
        "Σ",
        "∇",
        "√",
        "∫",
        "∏",
    )


def _whole(run: list[Token]) -> bool:
    """Whether it ends as a formula may, and its brackets and bars are closed."""
    depth = 0
    for token in run:
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if depth < 0:
            return False
    last = run[-1]
    closed = depth == 0 and all(sum(t.text == bar for t in run) % 2 == 0 for bar in "|‖")
    ends = (
        last.kind in ("number", "low", "high")
        or last.text in (")", "]", "}", "|", "‖", "!", "∞", "'")
        or (last.kind == "name" and last.text not in FUNCTIONS - WORDS - {"σ", "Φ", "Γ"})
    )
    return (
        closed and ends and not (last.text in ("a", "A", "I") and last.spaced and run[-2].kind != "operator")
    )


def _is_word_before(run: list[Token]) -> bool:
    """Whether it begins with a word of the sentence: "the moving average a x + b"."""
    return run[0].text in PROSE and (run[1].kind != "operator" or (run[1].text == "(" and run[1].spaced))


def _cut(text: str, start: int, end: int) -> bool:
    """Whether the formula goes on before or behind, in words that are none of a formula."""
    before, behind = text[:start].rstrip(" "), text[end:]
    if before.endswith(tuple("=+-*/^<>·×")) or re.search(r"\w\($", text[:start]):
        return True
    more = r"\s*[-=+*/^<>·×‖|@]|[!(\[]|\s?\w+\(|\s?\w+ [-+*/=^]|\w|[.]\w"
    return re.match(more, behind) is not None


def _says_something(run: list[Token]) -> bool:
    """Whether there is something to set: an operation between operands, not a shape or two numbers."""
    texts = [token.text for token in run]
    if all(t.kind == "number" or t.text in "()-,±" for t in run):
        return False
    if any(t.kind in ("low", "high") for t in run) or set(texts) & {"^", "Σ", "√", "∇", "|", "∫"}:
        return True
    if any(
        t.kind == "name" and t.text in FUNCTIONS and u.text == "(" for t, u in zip(run, run[1:], strict=False)
    ):
        return True
    return any(t.text in RELATIONS or t.text in SUMS or t.text in "*/·×" for t in run[1:])
