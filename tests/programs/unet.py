"""Segmentation: a U-Net with padded joins, Dice and weighted losses, autocast, checkpointing, SWA, early stopping."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, Subset


class DoubleConv(nn.Module):
    """(convolution => [BN] => ReLU) * 2"""

    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.InstanceNorm2d(out_channels, affine=True),
            nn.ReLU6(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, bilinear=False):
        super().__init__()
        factor = 2 if bilinear else 1
        self.inc = DoubleConv(n_channels, 4)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8 // factor))
        self.up1 = Up(8, 4, bilinear)
        self.outc = nn.Conv2d(4, n_classes, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = checkpoint(self.down1, x1, use_reentrant=False)
        x = self.up1(x2, x1)
        return self.outc(x)


def dice_coeff(input, target, reduce_batch_first=False, epsilon=1e-6):
    assert input.size() == target.size()
    sum_dim = (-1, -2) if input.dim() == 2 or not reduce_batch_first else (-1, -2, -3)
    inter = 2 * (input * target).sum(dim=sum_dim)
    sets_sum = input.sum(dim=sum_dim) + target.sum(dim=sum_dim)
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    dice = (inter + epsilon) / (sets_sum + epsilon)
    return dice.mean()


class Shapes(Dataset):
    def __init__(self, n=16, size=11):
        self.n, self.size = n, size

    def __len__(self):
        return self.n

    def __getitem__(self, idx):
        y, x = torch.meshgrid(torch.arange(self.size), torch.arange(self.size), indexing="ij")
        mask = ((x - 3 - idx % 5) ** 2 + (y - 5) ** 2 < 9).long()
        image = mask.float()[None] * 0.8 + 0.1 * torch.sin(x.float() * (idx + 1))[None]
        return {"image": torch.as_tensor(image.clone()).float().contiguous(), "mask": mask}


class EarlyStopping:
    def __init__(self, patience=3):
        self.patience, self.counter, self.best, self.stop = patience, 0, float("inf"), False

    def __call__(self, loss, model):
        if loss < self.best:
            self.best, self.counter = loss, 0
            torch.save(model.state_dict(), "best.pt")
        else:
            self.counter += 1
            self.stop = self.counter >= self.patience


def make():
    return {"transposed": UNet(1, 2), "bilinear": UNet(1, 2, bilinear=True)}


averages = {}


def train(models, steps=20, compile=False):
    data = Shapes()
    train_set, val_set = Subset(data, range(12)), Subset(data, range(12, 16))
    losses = []
    for name, model in models.items():
        model = model.to(memory_format=torch.preserve_format)
        optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3, weight_decay=1e-8, momentum=0.9, foreach=True)
        scheduler = CosineAnnealingLR(optimizer, T_max=4)
        swa_model, swa_scheduler = AveragedModel(model), SWALR(optimizer, swa_lr=0.002, anneal_epochs=1)
        scaler = torch.cuda.amp.GradScaler(enabled=False)
        criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.4, 0.6]))
        stopper = EarlyStopping()
        run = torch.compile(model) if compile else model
        loader = DataLoader(train_set, shuffle=True, batch_size=4)
        for epoch in range(steps // 6 + 1):
            model.train()
            for batch in loader:
                images, true_masks = batch["image"], batch["mask"]
                with torch.autocast("cpu", enabled=False):
                    masks_pred = run(images)
                    loss = criterion(masks_pred, true_masks)
                    loss += 1 - dice_coeff(F.softmax(masks_pred, dim=1).float(),
                                           F.one_hot(true_masks, 2).permute(0, 3, 1, 2).float(), True)
                optimizer.zero_grad(set_to_none=True)
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                losses.append(loss.item())
            if epoch >= 2:
                swa_model.update_parameters(model)
                swa_scheduler.step()
            else:
                scheduler.step()
            model.eval()
            with torch.no_grad():
                val = [criterion(model(b["image"]), b["mask"]) for b in DataLoader(val_set, batch_size=2)]
            val_loss = torch.stack(val).mean().item()
            losses.append(val_loss)
            stopper(val_loss, model)
            if stopper.stop:
                break
        update_bn((b["image"] for b in loader), swa_model)
        averages[name] = swa_model
    return losses


def outputs(models):
    image = Shapes()[3]["image"].unsqueeze(0)
    best = copy.deepcopy(models["bilinear"])
    best.load_state_dict(torch.load("best.pt"))
    best.eval()
    with torch.no_grad():
        found = {name: model.eval()(image) for name, model in averages.items()}
        masks = best(image).argmax(dim=1)
    iou = (masks & Shapes()[3]["mask"]).sum() / (masks | Shapes()[3]["mask"]).sum().clamp(min=1)
    return {"averages": found, "masks": masks, "iou": iou, "n": [m.n_averaged for m in averages.values()]}
