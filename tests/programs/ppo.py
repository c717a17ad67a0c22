"""PPO with a Gaussian policy, generalised advantages and a clipped objective, on a point that seeks the origin."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions.categorical import Categorical
from torch.distributions.normal import Normal


class Env:
    """Several points on a line; actions push them; near the origin is best."""

    def __init__(self, num_envs):
        self.num_envs = num_envs

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)
        self.x = self.rng.normal(size=(self.num_envs, 2))
        self.t = 0
        return self.x.copy()

    def step(self, action):
        self.x = 0.9 * self.x + 0.1 * np.clip(action, -1, 1)
        self.t += 1
        reward = -np.square(self.x).sum(1)
        done = np.full(self.num_envs, self.t % 8 == 0)
        if done.all():
            self.x = self.rng.normal(size=(self.num_envs, 2))
        return self.x.copy(), reward, done


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self, obs=2, act=2):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(np.array((obs,)).prod(), 16)),
            nn.Tanh(),
            layer_init(nn.Linear(16, 16)),
            nn.Tanh(),
            layer_init(nn.Linear(16, 1), std=1.0),
        )
        self.actor_mean = nn.Sequential(
            layer_init(nn.Linear(obs, 16)),
            nn.Tanh(),
            layer_init(nn.Linear(16, np.prod((act,))), std=0.01),
        )
        self.actor_logstd = nn.Parameter(torch.zeros(1, act))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        action_mean = self.actor_mean(x)
        action_logstd = self.actor_logstd.expand_as(action_mean)
        action_std = torch.exp(action_logstd)
        probs = Normal(action_mean, action_std)
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), self.critic(x)


def make():
    return Agent()


def train(agent, steps=20):
    num_envs, num_steps, updates, epochs, minibatches = 4, 8, 3, 2, 4
    gamma, gae_lambda, clip_coef, ent_coef, vf_coef, max_grad_norm = 0.99, 0.95, 0.2, 0.01, 0.5, 0.5
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    agent = agent.to(device)
    optimizer = optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
    envs = Env(num_envs)
    obs = torch.zeros((num_steps, num_envs) + (2,)).to(device)
    actions = torch.zeros((num_steps, num_envs) + (2,)).to(device)
    logprobs = torch.zeros((num_steps, num_envs)).to(device)
    rewards = torch.zeros((num_steps, num_envs)).to(device)
    dones = torch.zeros((num_steps, num_envs)).to(device)
    values = torch.zeros((num_steps, num_envs)).to(device)
    next_obs = torch.Tensor(envs.reset(seed=1)).to(device)
    next_done = torch.zeros(num_envs).to(device)
    batch_size = num_envs * num_steps
    losses = []
    for update in range(1, updates + 1):
        frac = 1.0 - (update - 1.0) / updates
        optimizer.param_groups[0]["lr"] = frac * 3e-3
        for step in range(num_steps):
            obs[step] = next_obs
            dones[step] = next_done
            with torch.no_grad():
                action, logprob, _, value = agent.get_action_and_value(next_obs)
                values[step] = value.flatten()
            actions[step] = action
            logprobs[step] = logprob
            next_obs, reward, done = envs.step(action.cpu().numpy())
            rewards[step] = torch.tensor(reward).to(device).view(-1)
            next_obs, next_done = torch.Tensor(next_obs).to(device), torch.Tensor(done).to(device)
        with torch.no_grad():
            next_value = agent.get_value(next_obs).reshape(1, -1)
            advantages = torch.zeros_like(rewards).to(device)
            lastgaelam = 0
            for t in reversed(range(num_steps)):
                if t == num_steps - 1:
                    nextnonterminal = 1.0 - next_done
                    nextvalues = next_value
                else:
                    nextnonterminal = 1.0 - dones[t + 1]
                    nextvalues = values[t + 1]
                delta = rewards[t] + gamma * nextvalues * nextnonterminal - values[t]
                advantages[t] = lastgaelam = delta + gamma * gae_lambda * nextnonterminal * lastgaelam
            returns = advantages + values
        b_obs = obs.reshape((-1,) + (2,))
        b_logprobs = logprobs.reshape(-1)
        b_actions = actions.reshape((-1,) + (2,))
        b_advantages = advantages.reshape(-1)
        b_returns = returns.reshape(-1)
        b_values = values.reshape(-1)
        b_inds = np.arange(batch_size)
        clipfracs = []
        for epoch in range(epochs):
            np.random.shuffle(b_inds)
            for start in range(0, batch_size, batch_size // minibatches):
                mb_inds = b_inds[start:start + batch_size // minibatches]
                _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb_inds], b_actions[mb_inds])
                logratio = newlogprob - b_logprobs[mb_inds]
                ratio = logratio.exp()
                with torch.no_grad():
                    approx_kl = ((ratio - 1) - logratio).mean()
                    clipfracs += [((ratio - 1.0).abs() > clip_coef).float().mean().item()]
                mb_advantages = b_advantages[mb_inds]
                mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
                pg_loss1 = -mb_advantages * ratio
                pg_loss2 = -mb_advantages * torch.clamp(ratio, 1 - clip_coef, 1 + clip_coef)
                pg_loss = torch.max(pg_loss1, pg_loss2).mean()
                newvalue = newvalue.view(-1)
                v_loss_unclipped = (newvalue - b_returns[mb_inds]) ** 2
                v_clipped = b_values[mb_inds] + torch.clamp(newvalue - b_values[mb_inds], -clip_coef, clip_coef)
                v_loss_max = torch.max(v_loss_unclipped, (v_clipped - b_returns[mb_inds]) ** 2)
                v_loss = 0.5 * v_loss_max.mean()
                loss = pg_loss - ent_coef * entropy.mean() + v_loss * vf_coef
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
                optimizer.step()
                losses.append(loss.item())
            if approx_kl > 10.0:
                break
        y_pred, y_true = b_values.cpu().numpy(), b_returns.cpu().numpy()
        var_y = np.var(y_true)
        explained_var = np.nan if var_y == 0 else 1 - np.var(y_true - y_pred) / var_y
        print(f"update {update}: value_loss={v_loss.item():.4f}, explained {explained_var:.3f}")
    return losses


def outputs(agent):
    x = torch.linspace(-1, 1, 6).view(3, 2)
    choice = Categorical(logits=agent.actor_mean(x))
    return [agent.get_value(x), choice.probs, choice.entropy(), choice.sample((5,)).shape == (5, 3)]
