"""Embeddings: a recommender by factorised matrices, and word2vec with negative sampling."""

from collections import Counter

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler, random_split


class Ratings(Dataset):
    def __init__(self, users=12, items=9):
        rng = np.random.RandomState(4)
        a, b = rng.randn(users, 2), rng.randn(items, 2)
        self.rows = [(u, i, float(a[u] @ b[i]) + 3) for u in range(users) for i in range(items) if (u + i) % 3]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        user, item, rating = self.rows[i]
        return {"user": user, "item": item, "rating": np.float32(rating)}


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, n_factors=4):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.item_factors = nn.Embedding(n_items, n_factors)
        self.user_bias = nn.Embedding(n_users, 1)
        self.item_bias = nn.Embedding(n_items, 1)
        self.register_buffer("mean", torch.tensor(3.0))
        self.user_factors.weight.data.uniform_(-0.05, 0.05)
        self.item_factors.weight.data.uniform_(-0.05, 0.05)
        self.user_bias.weight.data.zero_()
        self.item_bias.weight.data.fill_(0)

    def forward(self, user, item):
        pred = (self.user_factors(user) * self.item_factors(item)).sum(dim=1, keepdim=True)
        pred += self.user_bias(user) + self.item_bias(item)
        return (pred + self.mean).squeeze(1)


class NeuralCF(nn.Module):
    def __init__(self, n_users, n_items):
        super().__init__()
        self.users, self.items = nn.Embedding(n_users, 4, max_norm=2.0), nn.Embedding(n_items, 4)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ELU(inplace=True), nn.Linear(16, 1))

    def forward(self, user, item):
        x = torch.cat((self.users(user), self.items(item)), -1)
        return self.mlp(x).flatten() + 3


class SkipGram(nn.Module):
    def __init__(self, emb_size, emb_dimension):
        super(SkipGram, self).__init__()
        self.u_embeddings = nn.Embedding(emb_size, emb_dimension, sparse=False)
        self.v_embeddings = nn.Embedding(emb_size, emb_dimension, sparse=False)
        initrange = 1.0 / emb_dimension
        nn.init.uniform_(self.u_embeddings.weight.data, -initrange, initrange)
        nn.init.constant_(self.v_embeddings.weight.data, 0.1)

    def forward(self, pos_u, pos_v, neg_v):
        emb_u = self.u_embeddings(pos_u)
        emb_v = self.v_embeddings(pos_v)
        emb_neg_v = self.v_embeddings(neg_v)
        score = torch.sum(torch.mul(emb_u, emb_v), dim=1)
        score = torch.clamp(score, max=10, min=-10)
        score = -F.logsigmoid(score)
        neg_score = torch.bmm(emb_neg_v, emb_u.unsqueeze(2)).squeeze()
        neg_score = torch.clamp(neg_score, max=10, min=-10)
        neg_score = -torch.sum(F.logsigmoid(-neg_score), dim=1)
        return torch.mean(score + neg_score)


corpus = "the king loves the queen and the queen loves the king while the dog chases the cat".split()
vocab = {w: i for i, w in enumerate(dict.fromkeys(corpus))}
counts = Counter(corpus)
noise = torch.tensor([counts[w] ** 0.75 for w in vocab])
noise = noise / noise.sum()
skips = [(vocab[a], vocab[corpus[j]]) for i, a in enumerate(corpus)
         for j in range(max(0, i - 2), min(len(corpus), i + 3)) if j != i]


def make():
    return {
        "mf": MatrixFactorization(12, 9),
        "ncf": NeuralCF(12, 9),
        "w2v": SkipGram(len(vocab), 5),
    }


def train(models, steps=20):
    losses = []
    train_set, test_set = random_split(Ratings(), [60, 12])
    for name in ("mf", "ncf"):
        model = models[name]
        optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1) if name == "mf" else torch.optim.Adam([
            {"params": model.mlp.parameters()},
            {"params": [*model.users.parameters(), *model.items.parameters()], "lr": 0.05},
        ], lr=0.01, weight_decay=1e-4)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min", factor=0.5, patience=0)
        criterion = nn.MSELoss(reduction="mean")
        for epoch in range(2):
            model.train()
            for batch in DataLoader(train_set, batch_size=12, shuffle=True, drop_last=True):
                user, item, rating = batch["user"], batch["item"], batch["rating"]
                loss = criterion(model(user, item), rating)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            model.eval()
            with torch.no_grad():
                total = sum(F.l1_loss(model(b["user"], b["item"]), b["rating"], reduction="sum").item()
                            for b in DataLoader(test_set, batch_size=5))
            scheduler.step(total)
            losses.append(total / len(test_set))
    model = models["w2v"]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    weights = [1.0 / counts[corpus[0]] + i % 3 for i in range(len(skips))]
    loader = DataLoader(skips, batch_size=8, sampler=WeightedRandomSampler(weights, num_samples=8 * steps))
    for pos_u, pos_v in loader:
        neg_v = torch.multinomial(noise, len(pos_u) * 3, replacement=True).view(len(pos_u), 3)
        pos_u, pos_v, neg_v = Variable(pos_u), Variable(pos_v), Variable(neg_v)
        optimizer.zero_grad()
        loss = model(pos_u, pos_v, neg_v)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def outputs(models):
    E = models["w2v"].u_embeddings.weight.data.cpu().numpy()
    E = F.normalize(torch.from_numpy(E), dim=1)
    near = (E @ E.t()).fill_diagonal_(-1)
    bag = nn.EmbeddingBag.from_pretrained(E, mode="mean")
    sentence = bag(torch.tensor([0, 1, 2, 3, 4]), torch.tensor([0, 2]))
    return {"near": near, "sentence": sentence, "cosine": F.cosine_similarity(E[:2], E[2:4])}
