"""A residual network of basic blocks: kaiming init over modules(), MultiStepLR, autocast and GradScaler."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


def conv3x3(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution with padding"""
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion: int = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, norm_layer=None):
        super().__init__()
        if norm_layer is None:
            norm_layer = nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class SEBlock(BasicBlock):
    """With channels weighed by what is in them."""

    def __init__(self, inplanes, planes, stride=1, downsample=None, norm_layer=None):
        super().__init__(inplanes, planes, stride, downsample, norm_layer)
        self.fc = nn.Sequential(nn.Linear(planes, 2), nn.SiLU(), nn.Linear(2, planes), nn.Hardsigmoid())

    def forward(self, x):
        out = super().forward(x)
        b, c, _, _ = out.shape
        return out * self.fc(F.adaptive_avg_pool2d(out, 1).view(b, c)).view(b, c, 1, 1)


class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=4, zero_init_residual=True):
        super().__init__()
        self.inplanes = 4
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 4, layers[0])
        self.layer2 = self._make_layer(SEBlock, 8, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * block.expansion, num_classes)

        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, BasicBlock) and m.bn2.weight is not None:
                    nn.init.constant_(m.bn2.weight, 0.5)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = []
        layers.append(block(self.inplanes, planes, stride, downsample))
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


class AverageMeter(object):
    """Computes and stores the average and current value"""

    def __init__(self, name, fmt=":f"):
        self.name = name
        self.fmt = fmt
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        fmtstr = "{name} {val" + self.fmt + "} ({avg" + self.fmt + "})"
        return fmtstr.format(**self.__dict__)


def accuracy(output, target, topk=(1,)):
    """Computes the accuracy over the k top predictions"""
    with torch.no_grad():
        maxk = max(topk)
        batch_size = target.size(0)
        _, pred = output.topk(maxk, 1, True, True)
        pred = pred.t()
        correct = pred.eq(target.view(1, -1).expand_as(pred))
        res = []
        for k in topk:
            correct_k = correct[:k].reshape(-1).float().sum(0, keepdim=True)
            res.append(correct_k.mul_(100.0 / batch_size))
        return res


def pictures():
    x = torch.zeros(24, 3, 12, 12)
    y = torch.arange(24) % 4
    for i in range(24):
        x[i, i % 3] = 0.1 * (i % 5)
        x[i, :, 3 * y[i]:3 * y[i] + 3, :] += 1.0 - 0.02 * i
    return x, y


def make():
    return ResNet(BasicBlock, [1, 2])


def train(model, steps=20, compile=False):
    x, y = pictures()
    device = torch.device("cpu")
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
    scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 4], gamma=0.1)
    scaler = torch.amp.GradScaler("cuda", enabled=torch.cuda.is_available())
    run = torch.compile(model) if compile else model
    losses, top1 = AverageMeter("Loss", ":.4e"), AverageMeter("Acc@1", ":6.2f")
    log = []
    for epoch in range(steps // 3 + 1):
        model.train()
        for i in range(0, 24, 8):
            images = x[i:i + 8].to(device, non_blocking=True)
            target = y[i:i + 8].to(device, non_blocking=True)
            with torch.autocast(device_type="cpu", enabled=False):
                output = run(images)
                loss = criterion(output, target)
            acc1, acc2 = accuracy(output, target, topk=(1, 2))
            losses.update(loss.item(), images.size(0))
            top1.update(acc1[0], images.size(0))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            scaler.step(optimizer)
            scaler.update()
            log.append(loss.item())
        scheduler.step()
        print(losses, top1, scheduler.get_last_lr())
    return log


def outputs(model):
    x, y = pictures()
    model.eval()
    best_acc1 = accuracy(model(x), y)[0]
    torch.save({"arch": "resnet", "state_dict": model.state_dict(), "best_acc1": best_acc1}, "checkpoint.pth.tar")
    checkpoint = torch.load("checkpoint.pth.tar")
    again = ResNet(BasicBlock, [1, 2])
    missing = again.load_state_dict(checkpoint["state_dict"], strict=False)
    again.eval()
    return {"best": checkpoint["best_acc1"], "logits": again(x), "missing": str(missing), "repr": repr(again)}
