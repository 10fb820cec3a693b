"""The optimisers against their equations, and the learning rate that a step reads."""

import pytest
import torch
from clfer.training.optimizers import MOMENTUM, optimizer, rate_on, set_rate
from recipes import recipe

CPU = torch.device("cpu")
DECAY = 0.1
GRADIENTS = [torch.tensor([0.5, -2.0]), torch.tensor([1.0, 0.25]), torch.tensor([-0.5, 3.0])]
RATES = [0.1, 0.05, 0.2]


def adam(weight, decoupled):
    """Kingma and Ba 2015, alg. 1; decoupled: Loshchilov and Hutter 2019, alg. 2."""
    first = second = torch.zeros(2, dtype=torch.float64)
    for t, (gradient, rate) in enumerate(zip(GRADIENTS, RATES, strict=True), start=1):
        slope = gradient.double() + (0 if decoupled else DECAY * weight)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        step = first / (1 - 0.9**t) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        weight = weight - rate * (step + (DECAY * weight if decoupled else 0))
    return weight


def nesterov(weight):
    """Sutskever et al. 2013, as PyTorch writes it."""
    speed = torch.zeros(2, dtype=torch.float64)
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        slope = gradient.double() + DECAY * weight
        speed = MOMENTUM * speed + slope
        weight = weight - rate * (slope + MOMENTUM * speed)
    return weight


@pytest.mark.parametrize("on_device", [False, True], ids=["number", "tensor"])
@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_three_steps_by_hand(name, on_device):
    start = torch.tensor([1.0, -1.0])
    weight = torch.nn.Parameter(start.clone())
    found = optimizer(recipe(optimizer=name, weight_decay=DECAY), [weight], CPU)
    if on_device:
        rate_on(CPU, found)
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        weight.grad = gradient.clone()
        set_rate(found, rate)
        found.step()
    start = start.double()
    expected = nesterov(start) if name == "sgd" else adam(start, decoupled=name == "adamw")
    torch.testing.assert_close(weight.detach().double(), expected, rtol=1e-5, atol=1e-6)


def test_a_rate_on_the_device_is_changed_in_place():
    found = optimizer(recipe(), [torch.nn.Parameter(torch.zeros(2))], CPU)
    rate_on(CPU, found)
    number = found.param_groups[0]["lr"]
    set_rate(found, 0.5)
    assert found.param_groups[0]["lr"] is number
    assert float(number) == 0.5
