"""Formulas in plain text as MathML, which browsers draw by themselves: the parser.

p <- p - lr / (1 - β₁ᵗ) · m / (sqrt(v / (1 - β₂ᵗ)) + eps)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

__all__ = ["FUNCTIONS", "RELATIONS", "SUMS", "Token", "mathml", "tokens"]

SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋ₜₖᵢⱼₙ", "0123456789+-tkijn", strict=True))
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵗᵀᵏⁿᵖᵃᵇ", "0123456789+−tTknpab", strict=True))
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "lambda": "λ", "lambd": "λ", "mu": "μ",
    "pi": "π", "rho": "ρ", "sigma": "σ", "theta": "θ", "Gamma": "Γ", "inf": "∞", "eta": "η", "tau": "τ",
}  # fmt: skip
_FUNCTIONS = """
    exp ln log log2 log1p expm1 sqrt sin cos tan sinh cosh tanh asin acos atan max min sign erf erfc
    softmax softplus sigmoid relu mean var floor ceil round clamp logsumexp trunc sum rms Phi I0 I1
    digamma Gamma Γ Φ σ norm log_softmax diag det tr
"""
FUNCTIONS = set(_FUNCTIONS.split())
RELATIONS = {c: c for c in "=<>≤≥≠←→~≈"} | {"<=": "≤", ">=": "≥", "!=": "≠", "<-": "←", "->": "→"}
SUMS = {"+": "+", "-": "−", "−": "−", "±": "±"}
THIN = '<mspace width="0.2em"></mspace>'
TOKEN = re.compile(
    r"""(?P<number>\d+(?:\.\d+)?(?:e-?\d+)?)
    | (?P<name>[A-Za-z\u0370-\u03a2\u03a4-\u03ffñŷẑ]  # not Σ
               [A-Za-z\u0370-\u03a2\u03a4-\u03ff0-9\u0302]*(?:_[A-Za-z0-9]+)*)
    | (?P<low>[₀-₉₊₋ₜₖᵢⱼₙ]+|_\{[^{}]*\}|_\w)
    | (?P<high>[⁰¹²³⁴-⁹⁺⁻ᵗᵀᵏⁿᵖᵃᵇ]+)
    | (?P<operator><-|->|<=|>=|!=|\.\.\.|…|[-+−±*/·×⊙@!‖^=<>≤≥≠←→~≈()\[\]{}|,;Σ∏∫√∇∂'∞%])
    | (?P<space>\s+)""",
    re.VERBOSE,
)


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int
    spaced: bool
    """Whether white space stands before it."""


class _NoFormula(Exception):
    """The text is none."""


def tokens(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens from `start` on, until something that no formula has."""
    spaced = False
    while start < len(text) and (match := TOKEN.match(text, start)):
        kind = str(match.lastgroup)
        if kind != "space":
            yield Token(kind, match[0], match.start(), match.end(), spaced)
        spaced = kind == "space"
        start = match.end()


def mathml(text: str, block: bool = False) -> str:
    """The MathML of a formula; raises ValueError for text that is none.

    >>> mathml("x² / 2")
    '<math><mfrac><msup><mi>x</mi><mn>2</mn></msup><mn>2</mn></mfrac></math>'
    """
    found = list(tokens(text))
    if not found or text[found[-1].end :].strip():
        raise ValueError(text)
    try:
        parser = _Parser(found)
        body = parser.listed()
        if parser.peek() is not None:
            raise _NoFormula
    except _NoFormula:
        raise ValueError(text) from None
    return f'<math displaystyle="true">{body}</math>' if block else f"<math>{body}</math>"


class _Parser:
    """Descends from relations to single factors; each method returns MathML."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at, self.bars = tokens, 0, 0

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *texts: str) -> Token | None:
        token = self.peek()
        if token is None or (texts and token.text not in texts):
            return None
        self.at += 1
        return token

    def need(self, text: str) -> None:
        if self.take(text) is None:
            raise _NoFormula

    def listed(self) -> str:
        made = [self.relation()]
        while token := self.take(",", ";"):
            made += [f"<mo>{token.text}</mo>", self.relation()]
        return _row(made)

    def relation(self) -> str:
        made = [self.sum()]
        while token := self.take(*RELATIONS):
            made += [_mo(RELATIONS[token.text]), self.sum()]
        return _row(made)

    def sum(self) -> str:
        made = []
        if token := self.take(*SUMS):
            made.append(_mo(SUMS[token.text]))
        made.append(self.product())
        while token := self.take(*SUMS):
            made += [_mo(SUMS[token.text]), self.product()]
        return _row(made)

    def product(self) -> str:
        """Factors side by side; a stroke takes those since the last sign as its numerator, one as its
        denominator."""
        done: list[str] = []
        group = [self.factor()]
        while token := self.peek():
            if token.text == "/":
                self.at += 1
                below = self.factor()
                group = [f"<mfrac>{_one(group)}{_bare(below)}</mfrac>"]
            elif token.text in ("*", "·", "×", "⊙", "%", "@"):
                self.at += 1
                done += [*group, _mo({"*": "·", "%": "mod", "@": "\u2009"}.get(token.text, token.text))]
                group = [self.factor()]
            elif self._starts_factor(token):
                following = self.factor()
                wordy = "<mtext>" in group[-1][-40:] or "<mtext>" in following[:30]
                group += [THIN, following] if wordy else [following]
            else:
                break
        return _row([*done, *group])

    def _starts_factor(self, token: Token) -> bool:
        if token.text in ("|", "‖"):
            return self.bars == 0
        return token.kind in ("number", "name") or token.text in (
            "(",
            "[",
            "{",
            "Σ",
            "√",
            "∏",
            "∫",
            "...",
            "…",
            "∞",
        )

    def factor(self) -> str:
        base = self.base()
        low = high = ""
        while token := self.peek():
            if token.kind == "low":
                self.at += 1
                low += _script(token.text, SUBSCRIPTS)
            elif token.kind == "high":
                self.at += 1
                high += _script(token.text, SUPERSCRIPTS)
            elif token.text == "'" and not token.spaced:
                self.at += 1
                base = _row([base, '<mo lspace="0" rspace="0">′</mo>'])
            elif token.text == "^":
                self.at += 1
                high += self.exponent()
            elif token.text == "!" and not token.spaced:
                self.at += 1
                base = _row([base, _mo("!")])
            elif token.text == "[" and not token.spaced:
                self.at += 1
                low += self.listed()
                self.need("]")
            else:
                break
        if high and base.startswith("<msub>"):
            return f"<msubsup>{base[6:-7]}{_group(high)}</msubsup>"
        if low and high:
            return f"<msubsup>{base}{_group(low)}{_group(high)}</msubsup>"
        if low:
            return f"<msub>{base}{_group(low)}</msub>"
        return f"<msup>{base}{_group(high)}</msup>" if high else base

    def exponent(self) -> str:
        sign = self.take("-", "−")
        inner = _bare(self.factor())
        return _mo("−") + inner if sign else inner

    def base(self) -> str:
        token = self.take()
        if token is None:
            raise _NoFormula
        if token.kind == "number":
            return f"<mn>{token.text}</mn>"
        if token.kind == "name":
            return self.named(token)
        if token.text in "([{":
            return self.bracketed(token.text)
        if token.text in ("|", "‖"):
            self.bars += 1
            inner = self.sum()
            self.need(token.text)
            self.bars -= 1
            bar = f'<mo stretchy="false">{token.text}</mo>'
            return _row([bar, inner, bar])
        if token.text in ("∇", "∂"):
            return _row([f"<mi>{token.text}</mi>", self.factor()])
        if token.text in ("Σ", "∏", "∫"):
            return _mo({"Σ": "∑"}.get(token.text, token.text))
        if token.text == "√":
            return f"<msqrt>{_bare(self.factor())}</msqrt>"
        if token.text in ("...", "…", "∞"):
            return f"<mi>{'…' if token.text != '∞' else '∞'}</mi>"
        raise _NoFormula

    def bracketed(self, opening: str) -> str:
        closing = {"(": ")", "[": "]", "{": "}"}[opening]
        bars, self.bars = self.bars, 0
        inner = self.listed()
        self.bars = bars
        self.need(closing)
        still = "" if "<mfrac>" in inner else ' stretchy="false"'
        return f"<mrow><mo{still}>{opening}</mo>{inner}<mo{still}>{closing}</mo></mrow>"

    def named(self, token: Token) -> str:
        text = token.text
        if text == "sqrt" and self.take("("):
            bars, self.bars = self.bars, 0
            inner = self.listed()
            self.bars = bars
            self.need(")")
            return f"<msqrt>{inner}</msqrt>"
        head, mark, low = text.partition("_")
        if mark and len(head) == 1:
            return f"<msub><mi>{head}</mi><mi>{escape(low)}</mi></msub>"
        shown = GREEK.get(text, text)
        if len(shown) > 1 and (match := re.fullmatch(r"([a-zA-Z])(\d)", shown)):
            return f"<msub><mi>{match[1]}</mi><mn>{match[2]}</mn></msub>"
        name = f"<mi>{shown}</mi>" if len(shown) == 1 else f"<mtext>{shown.replace('_', '&#95;')}</mtext>"
        following = self.peek()
        if text not in FUNCTIONS or following is None or not self._starts_factor(following):
            return name
        if following.text == "(" and not following.spaced:
            self.at += 1
            return _row([name, self.bracketed("(")])
        return _row([name, THIN, self.factor()])


def _mo(text: str) -> str:
    return f"<mo>{escape(text)}</mo>"


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "<mrow>" + "".join(parts) + "</mrow>"


def _group(text: str) -> str:
    return text if re.fullmatch(r"<(m[a-z]+)[^<>]*>[^<>]*</\1>", text) else f"<mrow>{text}</mrow>"


def _one(parts: list[str]) -> str:
    return _bare(parts[0]) if len(parts) == 1 else _row(parts)


def _bare(text: str) -> str:
    """Without the brackets that a fraction makes needless."""
    match = re.fullmatch(r"<mrow><mo[^<>]*>\(</mo>(.*)<mo[^<>]*>\)</mo></mrow>", text)
    if match is None:
        return text
    depth = 0
    for mark in re.findall(r"<mo[^<>]*>([()])</mo>", match[1]):
        depth += 1 if mark == "(" else -1
        if depth < 0:
            return text
    return match[1]


def _script(text: str, table: dict[str, str]) -> str:
    text = text.strip("_{}") if text.startswith("_") else "".join(table[c] for c in text)
    parts = re.findall(r"\d+|\w|[-+−]", text)
    kinds = [("mn" if p.isdigit() else "mi" if p.isalpha() else "mo", p.replace("-", "−")) for p in parts]
    return "".join(f"<{kind}>{p}</{kind}>" for kind, p in kinds)
