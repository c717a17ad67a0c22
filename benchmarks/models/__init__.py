"""The larger models, by name. Each is one class, with all that any contender needs to know of it."""

from __future__ import annotations

from benchmarks.models.base import Classifier, Model
from benchmarks.models.equations import PINN, NeuralODE
from benchmarks.models.gpt import GPT
from benchmarks.models.images import ConvNet, LeNet
from benchmarks.models.policy import PPO
from benchmarks.models.recurrent import LSTMLayer, LSTMLoop
from benchmarks.models.vae import VAE

__all__ = ["MODELS", "Classifier", "Model"]

MODELS: dict[str, type[Model]] = {
    "lenet": LeNet,
    "conv": ConvNet,
    "gpt": GPT,
    "lstm": LSTMLoop,
    "lstm-layer": LSTMLayer,
    "pinn": PINN,
    "ppo": PPO,
    "vae": VAE,
    "ode": NeuralODE,
}
