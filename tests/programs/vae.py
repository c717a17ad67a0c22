"""A variational autoencoder: reparameterisation, BCE summed, KL divergence, save_image."""

import os

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torchvision.utils import save_image

device = torch.device("cpu")


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()

        self.fc1 = nn.Linear(64, 32)
        self.fc21 = nn.Linear(32, 4)
        self.fc22 = nn.Linear(32, 4)
        self.fc3 = nn.Linear(4, 32)
        self.fc4 = nn.Linear(32, 64)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    # 0.5 * sum(1 + log(sigma^2) - mu^2 - sigma^2)
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


def pictures(n=40):
    data = torch.zeros(n, 1, 8, 8)
    for i in range(n):
        data[i, 0, i % 8, :] = 0.9
        data[i, 0, :, (3 * i) % 8] = 0.6
    return torch.utils.data.TensorDataset(data, torch.arange(n))


def make():
    return VAE().to(device)


def train(model, steps=20, compile=False):
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    train_loader = torch.utils.data.DataLoader(pictures(), batch_size=10, shuffle=True)
    run = torch.compile(model) if compile else model
    losses = []
    for epoch in range(1, steps // 4 + 1):
        model.train()
        train_loss = 0
        for batch_idx, (data, _) in enumerate(train_loader):
            data = data.to(device)
            optimizer.zero_grad()
            recon_batch, mu, logvar = run(data)
            loss = loss_function(recon_batch, data, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            losses.append(loss.item() / len(data))
            optimizer.step()
        print("====> Epoch: {} Average loss: {:.4f}".format(epoch, train_loss / len(train_loader.dataset)))
    return losses


def outputs(model):
    model.eval()
    os.makedirs("results", exist_ok=True)
    data = pictures().tensors[0][:8]
    with torch.no_grad():
        sample = model.decode(torch.randn(8, 4).to(device)).cpu()
        recon_batch, _, _ = model(data)
        n = min(data.size(0), 8)
        comparison = torch.cat([data[:n], recon_batch.view(8, 1, 8, 8)[:n]])
        save_image(comparison.cpu(), "results/reconstruction.png", nrow=n)
        save_image(sample.view(8, 1, 8, 8), "results/sample.png")
    return {"sample": sample, "comparison": comparison, "file": sorted(os.listdir("results"))}
