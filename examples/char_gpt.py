"""A character GPT: it learns a text, letter by letter, and writes on in its manner.

    python examples/char_gpt.py --steps 2000                          (the pages of the guide)
    python examples/char_gpt.py --text some-book.txt --steps 5000

A. Radford and others, Language models are unsupervised multitask learners, 2019.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn

GUIDE = Path(__file__).parents[1] / "docs" / "guide"


class Attention(nn.Module):
    """Causal self-attention with several heads: each place looks at itself and at what came before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, t, width))


class Block(nn.Module):
    """Attention, then two layers for each place by itself; both are added to what they read, normalised."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def small(module: nn.Module) -> None:
    """Weights as GPT-2 begins with them, from N(0, 0.02²); biases are 0."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


class GPT(nn.Module):
    """Logits of the next character at each place: (N, T) to (N, T, letters), T up to `context`."""

    def __init__(
        self, letters: int, context: int = 64, width: int = 64, heads: int = 4, depth: int = 2
    ) -> None:
        super().__init__()
        self.context = context
        self.token = nn.Embedding(letters, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, letters, bias=False)
        self.apply(small)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place(rl.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def train(model: GPT, text: Tensor, steps: int, batch_size: int = 16, lr: float = 2e-3) -> list[float]:
    """AdamW on random pieces of the text; gives the loss of every step, in nats for each character."""
    optimizer = rl.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.1)
    scheduler = rl.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @rl.compile
    def step(pieces: Tensor) -> Tensor:
        optimizer.zero_grad()
        logits = model(pieces[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), pieces[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    losses = []
    ahead = rl.arange(model.context + 1)
    for i in range(1, steps + 1):
        starts = rl.randint(0, len(text) - model.context, (batch_size, 1))
        losses.append(step(text[starts + ahead]).item())
        scheduler.step()
        if i % 200 == 0 or i == steps:
            recent = losses[-50:]
            print(f"step {i:5}  loss {sum(recent) / len(recent):.4f}")
    return losses


def sample(model: GPT, tokens: Tensor, count: int, temperature: float = 0.8) -> Tensor:
    """`tokens` (T,), continued by `count` characters, each drawn from softmax(logits / temperature)."""
    predict = rl.compile(model.eval())
    with rl.no_grad():
        for _ in range(count):
            seen = tokens[-model.context :]
            # Always of one length, so that one program does for all: what comes later is not looked at.
            logits = predict(F.pad(seen, (0, model.context - len(seen)))[None])[0, len(seen) - 1]
            following = rl.multinomial((logits / temperature).softmax(0), 1)
            tokens = rl.cat([tokens, following])
    return tokens


def main() -> float:
    parser = argparse.ArgumentParser(description="Train a small GPT on the characters of a text.")
    parser.add_argument("--text", nargs="+", default=sorted(GUIDE.glob("0*.md")), metavar="FILE")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--sample", type=int, default=300, help="so many characters are written at the end")
    options = parser.parse_args()
    text = "\n".join(Path(file).read_text(encoding="utf-8") for file in options.text)
    letters = sorted(set(text))
    number = {letter: i for i, letter in enumerate(letters)}
    rl.manual_seed(0)
    model = GPT(len(letters))
    size = sum(p.numel() for p in model.parameters())
    print(f"A GPT of {size:,} parameters on {len(text):,} characters, {len(letters)} of them different.")
    started = time.perf_counter()
    losses = train(model, rl.tensor([number[letter] for letter in text]), options.steps)
    seconds = time.perf_counter() - started
    last = sum(losses[-50:]) / len(losses[-50:])
    print(f"loss {last:.3f} after {seconds:.0f} s\n")
    written = sample(model, rl.tensor([number["\n"]]), options.sample)
    print("".join(letters[i] for i in written.tolist()))
    return last


if __name__ == "__main__":
    main()
