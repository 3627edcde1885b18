"""The same nets, operations and steps in PyTorch eager, by the same names as in cases.rs."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

MIXED = ["conv3", "conv1", "pool", "skip", "conv3", "conv1"]
DENSE = ["conv3"] * 6


def rcb(c, k):
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, k, padding=k // 2, bias=False), nn.BatchNorm2d(c))


def edge(op, c):
    if op == "none":
        return Zero()
    if op == "pool":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    if op == "skip":
        return nn.Identity()
    return rcb(c, 3 if op == "conv3" else 1)


class Zero(nn.Module):
    def forward(self, x):
        return x * 0


class Cell(nn.Module):
    def __init__(self, ops, c):
        super().__init__()
        self.e = nn.ModuleList(edge(o, c) for o in ops)

    def forward(self, x0):
        e = self.e
        x1 = e[0](x0)
        x2 = e[1](x0) + e[2](x1)
        return e[3](x0) + e[4](x1) + e[5](x2)


class Reduction(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.main = nn.Sequential(
            nn.ReLU(), nn.Conv2d(c, 2 * c, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * c),
            nn.ReLU(), nn.Conv2d(2 * c, 2 * c, 3, 1, 1, bias=False), nn.BatchNorm2d(2 * c))
        self.side = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c, 2 * c, 1, bias=False))

    def forward(self, x):
        return self.main(x) + self.side(x)


class Bench201(nn.Module):
    def __init__(self, ops, width=16, cells=5, classes=10):
        super().__init__()
        parts = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        c = width
        for stage in range(3):
            if stage:
                parts.append(Reduction(c))
                c *= 2
            parts += [Cell(ops, c) for _ in range(cells)]
        self.body = nn.Sequential(*parts, nn.BatchNorm2d(c), nn.ReLU())
        self.head = nn.Linear(c, classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


class MobileBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        e = 6 * c
        self.body = nn.Sequential(
            nn.Conv2d(c, e, 1, bias=False), nn.BatchNorm2d(e), nn.ReLU6(),
            nn.Conv2d(e, e, 3, 1, 1, groups=e, bias=False), nn.BatchNorm2d(e), nn.ReLU6(),
            nn.Conv2d(e, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return x + self.body(x)


class Attention(nn.Module):
    """As timm writes it: one fused call of scaled dot products."""

    def __init__(self, d, heads):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(d, d) for _ in range(4))
        self.heads = heads

    def forward(self, x):
        n, t, d = x.shape
        split = lambda y: y.view(n, t, self.heads, d // self.heads).transpose(1, 2)
        y = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        return self.out(y.transpose(1, 2).reshape(n, t, d))


class VitBlock(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.a, self.b = nn.LayerNorm(d, 1e-6), nn.LayerNorm(d, 1e-6)
        self.attention = Attention(d, heads)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, z):
        z = z + self.attention(self.a(z))
        return z + self.mlp(self.b(z))


class Vit(nn.Module):
    def __init__(self, d=192, depth=12, heads=3):
        super().__init__()
        self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, d)), nn.Parameter(torch.zeros(1, 65, d))
        self.patch = nn.Conv2d(3, d, 4, 4, bias=False)
        self.blocks = nn.Sequential(*(VitBlock(d, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(d, 1e-6), nn.Linear(d, 10)

    def forward(self, x):
        p = self.patch(x).flatten(2).transpose(1, 2)
        z = torch.cat([self.cls.expand(len(x), -1, -1), p], 1) + self.pos
        return self.head(self.norm(self.blocks(z))[:, 0])


def net(name):
    """A net and its batch; the labels are none where the loss is the mean square."""
    if name == "mobilenet":
        return MobileBlock(32), torch.randn(64, 32, 16, 16), None
    n = 16 if name == "vit" else 64
    y = torch.arange(n) * 7 % 10
    make = {"vit": Vit, "nb201": lambda: Bench201(MIXED), "nb201_3x3": lambda: Bench201(DENSE)}[name]
    return make(), torch.randn(n, 3, 32, 32), y


def part(name):
    """Inputs and a function of them."""
    r = torch.randn
    conv = lambda n, c, s, k, g=1: ([r(n, c, s, s), r(c, c // g, k, k)], lambda x, w: F.conv2d(x, w, padding=k // 2, groups=g))
    d = {
        "conv3x3_16": lambda: conv(64, 16, 32, 3), "conv3x3_32": lambda: conv(64, 32, 16, 3), "conv3x3_64": lambda: conv(64, 64, 8, 3),
        "conv1x1_16": lambda: conv(64, 16, 32, 1), "conv1x1_64": lambda: conv(64, 64, 8, 1),
        "depthwise_128": lambda: conv(64, 128, 16, 3, 128), "grouped_256": lambda: conv(64, 256, 8, 3, 4),
        "batch_norm_16": lambda: ([r(64, 16, 32, 32), r(16), r(16)], lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
        "avg_pool": lambda: ([r(64, 16, 32, 32)], lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
        "max_pool": lambda: ([r(64, 16, 32, 32)], lambda x: F.max_pool2d(x, 3, 1, 1)),
        "gelu": lambda: ([r(16, 65, 768)], F.gelu),
        "softmax": lambda: ([r(48, 65, 65)], lambda x: F.softmax(x, -1)),
        "layer_norm": lambda: ([r(16, 65, 192), r(192), r(192)], lambda x, w, b: F.layer_norm(x, (192,), w, b)),
        "batched_matmul": lambda: ([r(48, 65, 64), r(48, 65, 64)], lambda a, b: a @ b.transpose(1, 2)),
        "linear": lambda: ([r(64, 64), r(10, 64), r(10)], F.linear),
        "linear_192": lambda: ([r(16, 65, 192), r(768, 192), r(768)], F.linear),
        "matmul_1024": lambda: ([r(1024, 1024), r(1024, 1024)], torch.matmul),
    }
    if name == "attention":
        m = Attention(192, 3)
        ps = list(m.parameters())
        return [r(16, 65, 192), *ps], lambda x, *_: m(x)
    return d[name]()


def case(name):
    """A function that does the case once."""
    name, mode = name.rsplit("_", 1)
    if name in ("nb201", "nb201_3x3", "mobilenet", "vit"):
        m, x, y = net(name)
        m.train()
        if mode == "f":
            def forward():
                with torch.no_grad():
                    m(x)
            return forward
        opt = torch.optim.SGD(m.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)

        def step():
            opt.zero_grad(set_to_none=True)
            out = m(x)
            loss = (out * out).mean() if y is None else F.cross_entropy(out, y)
            loss.backward()
            opt.step()
        return step
    xs, f = part(name)
    if mode == "f":
        def forward():
            with torch.no_grad():
                f(*xs)
        return forward
    xs = [x.detach().requires_grad_() if not isinstance(x, nn.Parameter) else x for x in xs]
    g = torch.randn_like(f(*xs))

    def both():
        torch.autograd.grad(f(*xs), xs, g)
    return both
