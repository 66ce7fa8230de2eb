#!/usr/bin/python3
"""Training throughput of one of the networks of training_networks.json in eager PyTorch, as one JSON line.

    training_benchmark.py training_networks.json NETWORK fp32|bf16 THREADS SECONDS

The step is that of the usual training script: SGD with Nesterov momentum and weight decay, batch 64, cross-entropy. bf16 is
autocast with channels-last, PyTorch's own advice for CPUs.
"""
import json
import sys
import time

import torch
from torch import nn


def conv_norm(inputs, outputs, kernel, stride, groups=1, relu=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return layers + ([nn.ReLU()] if relu else [])


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, expansion, kernel, stride):
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.body = nn.Sequential(*conv_norm(inputs, hidden, 1, 1), *conv_norm(hidden, hidden, kernel, stride, groups=hidden),
                                  *conv_norm(hidden, outputs, 1, 1, relu=False))

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def build(network):
    layers, channels = [], network["input"][0]
    for layer in network["layers"]:
        if layer[0] == "conv":
            layers += conv_norm(channels, *layer[1:])
        else:
            layers.append(MBConv(channels, *layer[1:]))
        channels = layer[1]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, network["classes"]))


def main():
    path, name, precision, threads, seconds = sys.argv[1:6]
    network = json.load(open(path))[name]
    torch.manual_seed(0)
    torch.set_num_threads(int(threads))
    model = build(network).train()
    images, labels = torch.randn(64, *network["input"]), torch.randint(0, network["classes"], (64,))
    narrow = precision == "bf16"
    if narrow:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=narrow):
            loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def measure(steps):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loss = step()
        loss.item()
        return 64 * steps / (time.perf_counter() - wall), 64 * steps / (time.process_time() - cpu)

    measure(3)
    rate, _ = measure(3)
    rate, cpu_rate = measure(max(4, int(float(seconds) * rate / 64)))
    print(json.dumps({"images_per_s": rate, "images_per_cpu_s": cpu_rate, "parameters": sum(p.numel() for p in model.parameters()),
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
