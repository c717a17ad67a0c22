"""Actor and critic with PPO: a cart learns to balance a pole.

    python examples/ppo_cartpole.py --rounds 40

The carts are tensors too, many side by side, so that a step of the game, the choice of the actions included,
is one native call.

J. Schulman and others, Proximal policy optimization algorithms, 2017.
A. Barto, R. Sutton, C. Anderson, Neuronlike adaptive elements that can solve difficult learning control
problems, 1983.
"""

from __future__ import annotations

import argparse
import math
import time

import rushlight as rl
import rushlight.nn.functional as F
from rushlight import Tensor, nn
from rushlight.distributions import Categorical


class CartPole:
    """Carts of 1 kg on a track, each with a pole of 0.1 kg and 1 m hinged on it; 50 steps are a second.

    A state is (place, speed, angle, angular speed). Action 0 pushes to the left with 10 N, 1 to the right. A
    game is over when the cart is more than 2.4 m from the middle, the pole more than 12° from upright, or
    500 steps are done; each step counts 1.
    """

    LIMIT = 500
    GRAVITY, CART, POLE, HALF, FORCE, TAU = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count: int) -> None:
        self.count = count

    def start(self) -> Tensor:
        """Fresh states (count, 4), near the middle and nearly upright."""
        return rl.rand(self.count, 4) * 0.1 - 0.05

    def step(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """The states after one step, and whether the pole fell or the cart left."""
        x, speed, angle, turn = state.unbind(1)
        force = self.FORCE * (2 * action - 1)
        mass = self.CART + self.POLE
        sin, cos = angle.sin(), angle.cos()
        pushed = (force + self.POLE * self.HALF * turn.square() * sin) / mass
        turning = (self.GRAVITY * sin - cos * pushed) / (
            self.HALF * (4 / 3 - self.POLE * cos.square() / mass)
        )
        moving = pushed - self.POLE * self.HALF * turning * cos / mass
        x, speed = x + self.TAU * speed, speed + self.TAU * moving
        angle, turn = angle + self.TAU * turn, turn + self.TAU * turning
        fallen = (x.abs() > 2.4) | (angle.abs() > math.radians(12))
        return rl.stack([x, speed, angle, turn], 1), fallen


class ActorCritic(nn.Module):
    """The actor's logits of both actions, and the critic's value of the state."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.actor = nn.MLP(4, [hidden, hidden], 2, activation="tanh")
        self.critic = nn.MLP(4, [hidden, hidden], 1, activation="tanh")

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(state), self.critic(state).squeeze(-1)


def advantages(
    rewards: Tensor, values: Tensor, over: Tensor, last: Tensor, gamma: float = 0.99, decay: float = 0.95
) -> Tensor:
    """A_t = δ_t + γλ A_{t+1}, with δ_t = r_t + γ V_{t+1} - V_t; nothing is carried over the end of a game."""
    found, running = [], rl.zeros_like(last)
    going = 1.0 - over.float()
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * going[t] * last - values[t]
        running = delta + gamma * decay * going[t] * running
        last = values[t]
        found.append(running)
    return rl.stack(found[::-1])


def train(
    model: ActorCritic, rounds: int, carts: int = 32, horizon: int = 128, lr: float = 2e-3
) -> tuple[list[float], list[float]]:
    """PPO: play `horizon` steps with all carts, then four epochs of updates on them, `rounds` times.

    Gives the losses of all updates, and the lengths of all games that came to their end.
    """
    games = CartPole(carts)
    optimizer = rl.optim.Adam(model.parameters(), lr=lr, eps=1e-5)
    scheduler = rl.optim.lr_scheduler.LambdaLR(optimizer, lambda i: 1 - i / rounds)

    @rl.compile
    def play(state: Tensor, age: Tensor) -> tuple[Tensor, ...]:
        with rl.no_grad():
            logits, value = model(state)
            chosen = Categorical(logits=logits)
            action = chosen.sample()
            after, fallen = games.step(state, action)
            over = fallen | (age + 1 >= games.LIMIT)
            following = rl.where(over[:, None], games.start(), after)
            return action, chosen.log_prob(action), value, over, age + 1, following

    @rl.compile
    def update(state: Tensor, action: Tensor, before: Tensor, gain: Tensor, target: Tensor) -> Tensor:
        logits, value = model(state)
        now = Categorical(logits=logits)
        ratio = (now.log_prob(action) - before).exp()
        gain = (gain - gain.mean()) / (gain.std() + 1e-8)
        policy = -rl.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
        loss = policy + 0.5 * F.mse_loss(value, target) - 0.01 * now.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        return loss

    compute = rl.compile(advantages)
    losses: list[float] = []
    lengths: list[float] = []
    state, age = games.start(), rl.zeros(carts)
    for i in range(1, rounds + 1):
        seen = []
        for _ in range(horizon):
            action, log_prob, value, over, age, following = play(state, age)
            seen.append((state, action, log_prob, value, over))
            lengths += age[over].tolist()
            state, age = following, age * ~over
        states, actions, log_probs, values, overs = (rl.stack(part) for part in zip(*seen, strict=True))
        with rl.no_grad():
            gains = compute(rl.ones(horizon, carts), values, overs, model(state)[1])
        data = [part.flatten(0, 1) for part in (states, actions, log_probs, gains, gains + values)]
        for _ in range(4):
            order = rl.randperm(carts * horizon).reshape(4, -1)
            losses += update.scan(*data, index=order).tolist()
        scheduler.step()
        recent = lengths[-20:]
        if i % 5 == 0 or i == rounds:
            print(
                f"round {i:3}  games {len(lengths):4}  mean length of the last 20: "
                f"{sum(recent) / max(1, len(recent)):.0f}"
            )
    return losses, lengths


def evaluate(model: ActorCritic, count: int = 20) -> float:
    """The mean length of `count` games, by the likelier action."""
    games = CartPole(count)
    state, alive, length = games.start(), rl.ones(count, dtype=rl.bool), rl.zeros(count)

    @rl.compile
    def play(state: Tensor, alive: Tensor, length: Tensor) -> tuple[Tensor, ...]:
        after, fallen = games.step(state, model(state)[0].argmax(1))
        return after, alive & ~fallen, length + alive

    with rl.no_grad():
        for _ in range(games.LIMIT):
            state, alive, length = play(state, alive, length)
    return length.mean().item()


def main() -> float:
    parser = argparse.ArgumentParser(description="Balance a pole by PPO.")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    print("CartPole by PPO: actor and critic 4-64-64, 32 games side by side, Adam.")
    rl.manual_seed(0)
    model = ActorCritic()
    started = time.perf_counter()
    train(model, options.rounds)
    seconds = time.perf_counter() - started
    reward = evaluate(model)
    print(f"mean reward {reward:.0f} of 500 over 20 games, after {seconds:.0f} s")
    return reward


if __name__ == "__main__":
    main()
