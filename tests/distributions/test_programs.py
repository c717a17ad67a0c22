"""What programs do with distributions: policy gradients, PPO, SAC, VAEs; eager and compiled."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.distributions import Categorical, Independent, Normal, TransformedDistribution, kl_divergence
from rushlight.distributions.transforms import AffineTransform, TanhTransform


def test_a_policy_gradient_learns_the_better_arm() -> None:
    logits = nn.Parameter(rl.zeros(3))
    optimizer = rl.optim.Adam([logits], lr=0.1)
    reward = rl.tensor([0.0, 1.0, 0.2])
    for _ in range(60):
        policy = Categorical(logits=logits)
        action = policy.sample((32,))
        advantage = reward[action] - reward[action].mean()
        loss = -(policy.log_prob(action) * advantage).mean() - 0.001 * policy.entropy()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert Categorical(logits=logits).probs[1].item() > 0.9


def _ppo_loss(logits: rl.Tensor, value: rl.Tensor, batch: tuple[rl.Tensor, ...]) -> rl.Tensor:
    action, old, advantage, target = batch
    policy = Categorical(logits=logits)
    ratio = (policy.log_prob(action) - old).exp()
    gain = rl.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    return -gain.mean() + 0.5 * nn.functional.mse_loss(value, target) - 0.01 * policy.entropy().mean()


def test_a_ppo_step_is_the_same_compiled() -> None:
    body, actor, critic = nn.Linear(4, 16), nn.Linear(16, 3), nn.Linear(16, 1)
    params = [p for layer in (body, actor, critic) for p in layer.parameters()]

    def loss(x: rl.Tensor, *batch: rl.Tensor) -> list[rl.Tensor]:
        hidden = body(x).tanh()
        value = _ppo_loss(actor(hidden), critic(hidden).squeeze(-1), batch)
        return [value, *rl.autograd.grad(value, params)]

    x, action = rl.randn(8, 4), rl.randint(3, (8,))
    batch = (action, rl.full((8,), -1.1), rl.randn(8), rl.randn(8))
    for a, b in zip(loss(x, *batch), rl.compile(loss)(x, *batch), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_acting_compiled_draws_anew_each_time() -> None:
    actor = nn.Linear(4, 5)

    def act(x: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        with rl.no_grad():
            policy = Categorical(logits=actor(x))
            action = policy.sample()
            return action, policy.log_prob(action)

    x = rl.randn(64, 4)
    rl.manual_seed(1)
    eager = [act(x), act(x)]
    rl.manual_seed(1)
    compiled = rl.compile(act)
    found = [compiled(x), compiled(x)]
    for (a, p), (b, q) in zip(eager, found, strict=True):
        assert a.tolist() == b.tolist()
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-5)
    assert found[0][0].tolist() != found[1][0].tolist()


def test_a_squashed_gaussian_policy() -> None:
    """SAC's actor: a draw with derivatives, its density by the remembered inverse; eager and compiled."""
    net = nn.Linear(3, 4)

    def act(x: rl.Tensor) -> list[rl.Tensor]:
        mean, log_std = net(x).chunk(2, -1)
        base = Normal(mean, log_std.clamp(-5, 2).exp())
        squashed = TransformedDistribution(base, [TanhTransform(cache_size=1), AffineTransform(0.0, 2.0)])
        policy = Independent(squashed, 1)
        action = policy.rsample()
        loss = (policy.log_prob(action) + action.sum(-1)).mean()
        return [action, loss, *rl.autograd.grad(loss, list(net.parameters()))]

    x = rl.randn(6, 3)
    rl.manual_seed(2)
    eager = act(x)
    rl.manual_seed(2)
    for a, b in zip(eager, rl.compile(act)(x), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-5)


def test_the_remembered_inverse_is_exact() -> None:
    tanh = TanhTransform(cache_size=1)
    x = rl.tensor([20.0])
    y = tanh(x)
    assert tanh.inv(y) is x
    assert tanh.with_cache(0).inv(y).item() == float("inf")


def test_a_variational_autoencoder_learns() -> None:
    encoder, decoder = nn.Linear(4, 4), nn.Linear(2, 4)
    optimizer = rl.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.02)
    x = rl.randn(64, 2) @ rl.randn(2, 4)

    def step() -> rl.Tensor:
        mean, log_var = encoder(x).chunk(2, -1)
        posterior = Normal(mean, (0.5 * log_var).exp())
        likelihood = Normal(decoder(posterior.rsample()), 0.5).log_prob(x).sum(-1)
        prior = Normal(rl.zeros(2), rl.ones(2))
        loss = (kl_divergence(posterior, prior).sum(-1) - likelihood).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    compiled = rl.compile(step)
    losses = [compiled().item() for _ in range(150)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("scale", [-1.0, 0.0])
def test_a_compiled_function_checks_nothing(scale: float) -> None:
    """As PyTorch's: what is compiled has no values to look at."""
    found = rl.compile(lambda s: Normal(0.0 * s, s).log_prob(s))(rl.tensor([scale]))
    assert not np.isfinite(found.numpy()).all()
