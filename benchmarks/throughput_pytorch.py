"""The networks and settings of the presets `mlp` and `dcgan` in PyTorch, as its users write them: one training step.

`throughput.py` runs it as a process of its own and asks it for times.
"""

import contextlib
import itertools
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional

LATENTS = {"mlp": 100, "dcgan": 64}


class MLPGenerator(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embedding = nn.Linear(classes, classes, bias=False) if classes else None
        layers, width = [], LATENTS["mlp"] + classes
        for units in (256, 512, 1024):
            # Keras's momentum of 0.8 is 0.2 in PyTorch.
            layers += [nn.Linear(width, units), nn.LeakyReLU(0.2), nn.BatchNorm1d(units, eps=1e-3, momentum=0.2)]
            width = units
        self.net = nn.Sequential(*layers, nn.Linear(width, 784), nn.Tanh())

    def forward(self, latents, labels):
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], 1)
        return self.net(latents).view(-1, 1, 28, 28)


class MLPDiscriminator(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.embedding = nn.Linear(classes, classes, bias=False) if classes else None
        widths = [784 + classes, 512, 256]
        layers = [[nn.Linear(a, b), nn.LeakyReLU(0.2)] for a, b in itertools.pairwise(widths)]
        self.net = nn.Sequential(*(layer for pair in layers for layer in pair), nn.Linear(256, 1))

    def forward(self, images, labels):
        x = images.flatten(1)
        return self.net(x if self.embedding is None else torch.cat([x, self.embedding(labels)], 1))


class DCGANGenerator(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        size = LATENTS["dcgan"]
        self.embedding = nn.Linear(classes, size, bias=False) if classes else None
        self.dense = nn.Linear(2 * size if classes else size, 7 * 7 * width)
        self.up = nn.ConvTranspose2d(width, width, 4, 2, 1)
        self.to_image = nn.ConvTranspose2d(width, 1, 4, 2, 1)

    def forward(self, latents, labels):
        if self.embedding is not None:
            latents = torch.cat([latents, self.embedding(labels)], 1)
        x = functional.leaky_relu(self.dense(latents), 0.2).view(len(latents), -1, 7, 7)
        x = functional.leaky_relu(self.up(x.contiguous(memory_format=torch.channels_last)), 0.2)
        return torch.tanh(self.to_image(x)).float()


class DCGANDiscriminator(nn.Module):
    def __init__(self, classes, width=64):
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(1, width // 2, 4, 2, 1), nn.Conv2d(width // 2, width, 4, 2, 1)])
        self.dense = nn.Linear(7 * 7 * width, 4 * width)
        self.logits = nn.Linear(4 * width, 1)
        self.embedding = nn.Linear(classes, 4 * width, bias=False) if classes else None

    def forward(self, images, labels):
        x = images
        for layer in self.down:
            x = functional.leaky_relu(layer(x), 0.2)
        features = functional.leaky_relu(self.dense(x.flatten(1)), 0.2)
        logits = self.logits(features)
        if self.embedding is None:
            return logits
        return logits + (features * self.embedding(labels)).sum(1, keepdim=True)


class Game:
    """Two players, two optimizers, and data in memory.

    Args:
        preset: `mlp` or `dcgan`.
        classes: number of classes, 0 for none.
        bfloat16: whether the networks compute under `torch.autocast`.
        fused: whether Adam is one kernel (`torch.optim.Adam(fused=True)`), which is not what PyTorch chooses itself.
        compiled: whether the two updates go through `torch.compile`.
        batch: number of images in a step.
        device: `cpu` or `cuda`; networks and data are on it.
    """

    def __init__(self, preset, classes, bfloat16, fused, compiled, batch=64, device="cpu"):
        torch.set_default_device(device)
        self.preset, self.classes, self.batch, self.device = preset, classes, batch, device
        players = {"mlp": (MLPGenerator, MLPDiscriminator), "dcgan": (DCGANGenerator, DCGANDiscriminator)}[preset]
        self.generator, self.discriminator = (player(classes) for player in players)
        self.gamma = 0.3 if preset == "dcgan" else 0.0
        if preset == "dcgan":
            self.generator, self.discriminator = (
                network.to(memory_format=torch.channels_last) for network in (self.generator, self.discriminator)
            )
        rate, betas = (2e-3, (0.0, 0.99)) if preset == "dcgan" else (2e-4, (0.5, 0.999))
        self.optimizers = [
            torch.optim.Adam(network.parameters(), rate, betas, fused=fused or None)
            for network in (self.generator, self.discriminator)
        ]
        self.average = {name: value.clone() for name, value in self.generator.state_dict().items()}
        self.decay = 0.999 if preset == "dcgan" else 0.0
        self.bfloat16 = bfloat16
        self.images = torch.randint(0, 256, (60_000, 1, 28, 28), dtype=torch.uint8)
        self.labels = torch.randint(0, 10, (60_000,))
        self.order, self.position = torch.randperm(60_000), 0
        self.update_discriminator, self.update_generator = self._update_discriminator, self._update_generator
        if compiled:
            self.update_discriminator = torch.compile(self.update_discriminator)
            self.update_generator = torch.compile(self.update_generator)

    def step(self):
        if self.position + self.batch > len(self.order):
            self.order, self.position = torch.randperm(len(self.order)), 0
        rows = self.order[self.position : self.position + self.batch]
        self.position += self.batch
        real = self.images[rows].float() / 127.5 - 1.0
        labels = functional.one_hot(self.labels[rows], self.classes).float() if self.classes else None
        self.update_discriminator(real, labels)
        self.update_generator(labels)
        self._update_average()

    def steps(self, number):
        """Makes so many steps, and returns when the device has computed them."""
        for _ in range(number):
            self.step()
        if self.device != "cpu":
            torch.cuda.synchronize()

    def _autocast(self):
        return torch.autocast(self.device, torch.bfloat16) if self.bfloat16 else contextlib.nullcontext()

    def _latents(self):
        return torch.randn(self.batch, LATENTS[self.preset])

    def _update_discriminator(self, real, labels):
        if self.gamma:
            real = real.requires_grad_()
        with self._autocast():
            with torch.no_grad():
                fake = self.generator(self._latents(), labels)
            real_logits = self.discriminator(real, labels).float()
            fake_logits = self.discriminator(fake, labels).float()
        loss = functional.softplus(-real_logits).mean() + functional.softplus(fake_logits).mean()
        if self.gamma:
            (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            loss = loss + 0.5 * self.gamma * gradient.square().sum((1, 2, 3)).mean()
        optimizer = self.optimizers[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _update_generator(self, labels):
        # As its users do, so that no gradients of the discriminator's weights are computed.
        self.discriminator.requires_grad_(False)
        with self._autocast():
            logits = self.discriminator(self.generator(self._latents(), labels), labels).float()
        loss = functional.softplus(-logits).mean()
        optimizer = self.optimizers[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        self.discriminator.requires_grad_(True)

    @torch.no_grad()
    def _update_average(self):
        if self.decay:
            new = [value for value in self.generator.state_dict().values() if value.is_floating_point()]
            old = [value for value in self.average.values() if value.is_floating_point()]
            torch._foreach_lerp_(old, new, 1.0 - self.decay)


def main():
    """Reads lines `steps` and answers with the milliseconds of a step, until the input ends."""
    game = Game(**json.loads(sys.argv[1]))
    game.steps(5)
    print("ready", flush=True)
    for line in sys.stdin:
        steps = int(line)
        start = time.perf_counter()
        game.steps(steps)
        print(1e3 * (time.perf_counter() - start) / steps, flush=True)


if __name__ == "__main__":
    main()
