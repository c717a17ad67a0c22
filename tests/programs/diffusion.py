"""Denoising diffusion: a noise schedule, sinusoidal embeddings of time, a small U-Net, sampling, EMA."""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, TensorDataset


def exists(x):
    return x is not None


def default(val, d):
    return val if exists(val) else d() if callable(d) else d


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        device = time.device
        half_dim = self.dim // 2
        embeddings = math.log(10000) / (half_dim - 1)
        embeddings = torch.exp(torch.arange(half_dim, device=device) * -embeddings)
        embeddings = time[:, None] * embeddings[None, :]
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


class ResnetBlock(nn.Module):
    def __init__(self, dim, dim_out, *, time_emb_dim=None, groups=2):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_emb_dim, dim_out * 2)) if exists(time_emb_dim) else None
        self.proj = nn.Conv2d(dim, dim_out, 3, padding=1)
        self.norm = nn.GroupNorm(groups, dim_out)
        self.act = nn.SiLU()
        self.res_conv = nn.Conv2d(dim, dim_out, 1) if dim != dim_out else nn.Identity()

    def forward(self, x, time_emb=None):
        h = self.norm(self.proj(x))
        if exists(self.mlp) and exists(time_emb):
            scale, shift = self.mlp(time_emb)[..., None, None].chunk(2, dim=1)
            h = h * (scale + 1) + shift
        return self.act(h) + self.res_conv(x)


class Attention(nn.Module):
    def __init__(self, dim, heads=2, dim_head=4):
        super().__init__()
        self.scale = dim_head**-0.5
        self.heads = heads
        self.to_qkv = nn.Conv2d(dim, heads * dim_head * 3, 1, bias=False)
        self.to_out = nn.Conv2d(heads * dim_head, dim, 1)

    def forward(self, x):
        b, c, h, w = x.shape
        qkv = self.to_qkv(x).chunk(3, dim=1)
        q, k, v = map(lambda t: t.reshape(b, self.heads, -1, h * w), qkv)
        q = q * self.scale
        sim = torch.einsum("b h d i, b h d j -> b h i j", q, k)
        sim = sim - sim.amax(dim=-1, keepdim=True).detach()
        attn = sim.softmax(dim=-1)
        out = torch.einsum("b h i j, b h d j -> b h i d", attn, v)
        out = out.permute(0, 1, 3, 2).reshape(b, -1, h, w)
        return self.to_out(out)


class Unet(nn.Module):
    def __init__(self, dim=4, channels=1):
        super().__init__()
        time_dim = dim * 2
        self.time_mlp = nn.Sequential(
            SinusoidalPositionEmbeddings(dim), nn.Linear(dim, time_dim), nn.GELU(), nn.Linear(time_dim, time_dim))
        self.init_conv = nn.Conv2d(channels, dim, 3, padding=1)
        self.down = nn.ModuleList([
            ResnetBlock(dim, dim, time_emb_dim=time_dim),
            nn.Conv2d(dim, dim * 2, 4, 2, 1),
        ])
        self.mid = ResnetBlock(dim * 2, dim * 2, time_emb_dim=time_dim)
        self.attn = Attention(dim * 2)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(dim * 2, dim, 3, padding=1))
        self.last = ResnetBlock(dim * 2, dim, time_emb_dim=time_dim)
        self.final_conv = nn.Conv2d(dim, channels, 1)

    def forward(self, x, time):
        x = self.init_conv(x)
        t = self.time_mlp(time)
        block, downsample = self.down
        x = block(x, t)
        skip = x
        x = self.mid(downsample(x), t)
        x = x + self.attn(x)
        x = torch.cat((self.up(x), skip), dim=1)
        return self.final_conv(self.last(x, t))


timesteps = 20
betas = torch.linspace(0.0001, 0.02, timesteps)
alphas = 1. - betas
alphas_cumprod = torch.cumprod(alphas, axis=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
sqrt_recip_alphas = torch.sqrt(1.0 / alphas)
sqrt_alphas_cumprod = torch.sqrt(alphas_cumprod)
sqrt_one_minus_alphas_cumprod = torch.sqrt(1. - alphas_cumprod)
posterior_variance = betas * (1. - alphas_cumprod_prev) / (1. - alphas_cumprod)


def extract(a, t, x_shape):
    batch_size = t.shape[0]
    out = a.gather(-1, t.cpu())
    return out.reshape(batch_size, *((1,) * (len(x_shape) - 1))).to(t.device)


def q_sample(x_start, t, noise=None):
    noise = default(noise, lambda: torch.randn_like(x_start))
    return (extract(sqrt_alphas_cumprod, t, x_start.shape) * x_start
            + extract(sqrt_one_minus_alphas_cumprod, t, x_start.shape) * noise)


def p_losses(denoise_model, x_start, t, loss_type="huber"):
    noise = torch.randn_like(x_start)
    predicted_noise = denoise_model(q_sample(x_start, t, noise), t)
    if loss_type == "l1":
        return F.l1_loss(noise, predicted_noise)
    elif loss_type == "l2":
        return F.mse_loss(noise, predicted_noise)
    return F.smooth_l1_loss(noise, predicted_noise)


@torch.no_grad()
def p_sample(model, x, t, t_index):
    model_mean = extract(sqrt_recip_alphas, t, x.shape) * (
        x - extract(betas, t, x.shape) * model(x, t) / extract(sqrt_one_minus_alphas_cumprod, t, x.shape))
    if t_index == 0:
        return model_mean
    return model_mean + torch.sqrt(extract(posterior_variance, t, x.shape)) * torch.randn_like(x)


@torch.no_grad()
def sample(model, shape):
    img = torch.randn(shape)
    for i in reversed(range(0, timesteps)):
        img = p_sample(model, img, torch.full((shape[0],), i, dtype=torch.long), i)
    return img.clamp(-1, 1)


def make():
    model = Unet()
    ema = copy.deepcopy(model).requires_grad_(False)
    return {"model": model, "ema": ema}


def train(models, steps=20, compile=False):
    model, ema = models["model"], models["ema"]
    grid = torch.linspace(-1, 1, 8)
    data = torch.stack([torch.outer(grid, grid * k).tanh() for k in torch.linspace(-3, 3, 20)]).unsqueeze(1)
    loader = DataLoader(TensorDataset(data), batch_size=5, shuffle=True)
    optimizer = optim.AdamW(model.parameters(), lr=2e-3)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)

    def step(batch, t):
        optimizer.zero_grad()
        loss = p_losses(model, batch, t)
        loss.backward()
        optimizer.step()
        return loss

    if compile:
        step = torch.compile(step)
    losses = []
    for epoch in range(steps // 4):
        for (batch,) in loader:
            t = torch.randint(0, timesteps, (batch.shape[0],)).long()
            losses.append(step(batch, t).item())
            schedule.step()
            with torch.no_grad():
                for p, q in zip(ema.parameters(), model.parameters()):
                    p.lerp_(q, 0.1)
    return losses


def outputs(models):
    return {"samples": sample(models["ema"].eval(), (2, 1, 8, 8)), "betas": betas, "variance": posterior_variance}
