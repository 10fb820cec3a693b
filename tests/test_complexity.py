"""Counts of parameters and multiply-accumulates, against formulas that know no counter."""

import json
from functools import cache

import pytest
import torch
from checkouts import here, refused
from closure import ROOT
from recipes import recipe
from rich.console import Console
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry
from torchvision.models import ResNet18_Weights, resnet18
from variants import BASELINE, CLBS_SETTINGS, CLFM_SETTINGS, OURS

from clfer.complexity import BATCH, COUNTED, complexity
from clfer.model.variant import CLBS, MSR, SCN, SimSiam, Variant
from clfer.training.batches import Batch
from clfer.training.examples import Examples
from clfer.training.state import begin
from clfer.training.step import JointLoss
from pipeline import console, params

SIMSIAM = Variant(simsiam=SimSiam(weight=1.0, fd=2048, bottleneck=512))
SELF_CURE = SCN(weight=1.0, high=0.7, margin=0.15, relabel_from=0.25, relabel_margin=0.2)
CHANNELS = (16, 32, 64, 128)  # of resnet10_quarter


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.chdir(ROOT)
    return {n: params.settings(Variant, "variants", n) for n in params.block("variants")}


def fitting(listed):
    """Those for any backbone: the released head wants 256 channels or more."""
    return {name: one for name, one in listed.items() if not one.released}


@cache
def one_at_224(variant):
    return complexity({"it": variant}, "resnet18", "full", 224, 8)["it"]


def at_224(variants):
    return {name: one_at_224(variant) for name, variant in variants.items()}


def small(variant, classes=8):
    """On 64 px with the small stem: the deepest map has 4 x 4 positions."""
    return complexity({"it": variant}, "resnet10_quarter", "small", 64, classes)["it"]


def test_the_baseline_is_torchvisions_resnet18():
    products = []

    def convolution(layer, inputs, output):
        height, width = layer.kernel_size
        products.append(output[0].numel() * layer.in_channels // layer.groups * height * width)

    def linear(layer, inputs, output):
        products.append(layer.in_features * layer.out_features)

    with torch.device("meta"):
        network = resnet18(num_classes=8)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(convolution)
            elif isinstance(layer, nn.Linear):
                layer.register_forward_hook(linear)
        network(torch.empty(1, 3, 224, 224))
    assert len(products) == 21
    published = ResNet18_Weights.IMAGENET1K_V1.meta["num_params"]
    expected = {"params": published - 1000 * 513 + 8 * 513, "macs": sum(products)}
    assert expected["params"] == 11_180_616
    found = at_224({"baseline": BASELINE})["baseline"]
    assert found["train"] == found["deploy"] == expected


def test_ours_keeps_its_budget_and_leaves_its_heads_behind(listed):
    found = at_224({name: listed[name] for name in ("ours", "msr", "cl", "baseline")})
    assert found["ours"]["train"]["params"] <= 13.0e6
    assert found["ours"]["train"]["macs"] <= 1.90e9
    assert found["ours"]["deploy"] == found["msr"]["train"] == found["msr"]["deploy"]
    assert found["cl"]["deploy"] == found["baseline"]["train"]
    assert found["ours"]["train"]["params"] > found["ours"]["deploy"]["params"]
    assert found["ours"]["train"]["macs"] > found["ours"]["deploy"]["macs"]


def test_the_modules_are_those_of_the_variant_and_add_up(listed):
    for name, found in at_224(listed).items():
        variant, modules = listed[name], found["modules"]
        names = {"msr": "msr", "clfm": "clfm", "clbs": "clbs", "simsiam": "simsiam"}
        expected = {part for part in names if getattr(variant, part)}
        if variant.released:
            expected |= {"head", *(["released"] if variant.released.contrast else [])}
        expected |= {"encoder", "classifier"} | ({"attention"} if variant.scn else set())
        assert set(modules) == expected, name
        for what in ("params", "macs"):
            assert sum(cost[what] for cost in modules.values()) == found["train"][what], name


def test_msr_by_hand():
    positions, width, fd = 4 * 4, 64, 32
    kernels = [c * k**2 for c, k in zip(CHANNELS, (8, 4, 2, 1), strict=True)]
    convolutions = [positions * width * weights for weights in kernels]
    reduced = 4 * (width * positions * fd)
    assert small(Variant(msr=MSR(fd=fd)))["modules"]["msr"] == {
        "macs": sum(convolutions) + reduced + 4 * fd,
        "params": sum(width * (weights + 2) for weights in kernels) + reduced + 4 * fd + fd,
    }


def lloyd(points, clusters, dimensions, iterations, restarts=1):
    """MACs of K-means: starts after the first, nearest and means each time, nearest at last. The
    squares of centroids are a diagonal, and what is beside it counts.
    """
    times = (clusters - 1) + clusters * (2 * iterations + 1)
    squares = (restarts * clusters) ** 2 * dimensions * (iterations + 1)
    return restarts * points * (dimensions + 1) * times + squares


def test_clfm_by_hand():
    shallow, deep, positions = CHANNELS[1], CHANNELS[-1], 4 * 4
    k, fd = CLFM_SETTINGS.k, CLFM_SETTINGS.fd
    macs = positions * (shallow**2 + deep**2)  # 1 x 1 convolutions
    macs += 3 * positions * (shallow + deep)  # row, column and mass of what is not strongest
    macs += lloyd(deep, k, fd, CLFM_SETTINGS.iterations)
    macs += k * fd * deep  # means of the deep channels
    macs += 2 * k * fd * shallow + k * fd  # cosines, means of the shallow channels, agreement
    assert small(Variant(clfm=CLFM_SETTINGS))["modules"]["clfm"] == {
        "macs": macs,
        "params": shallow**2 + deep**2,
    }


@pytest.mark.parametrize(("k", "restarts"), [(8, 1), (3, 1), (5, 2)])
def test_clbs_by_hand(k, restarts):
    settings = CLBS(**CLBS_SETTINGS.model_dump() | {"k": k, "restarts": restarts})
    shallow, deep, fd = CHANNELS[1], CHANNELS[-1], settings.fd
    together = lloyd(BATCH, k, fd, settings.iterations, restarts) + (3 * BATCH + 1) * k * fd
    projections = (shallow + deep) * 512 + 2 * 512 * fd
    assert small(Variant(clbs=settings))["modules"]["clbs"] == {
        "macs": projections + round(together / BATCH),
        "params": projections + 2 * (512 + fd),
    }


def test_simsiam_takes_the_encoder_twice_and_scn_looks_twice():
    baseline, twice = small(BASELINE), small(SIMSIAM)
    width, fd, inside = CHANNELS[-1], 2048, 512
    encoder = baseline["modules"]["encoder"]
    assert twice["modules"]["encoder"] == {**encoder, "macs": 2 * encoder["macs"]}
    head = 2 * width**2 + width * fd + 2 * fd * inside
    assert twice["modules"]["simsiam"]["macs"] == 2 * head
    assert twice["modules"]["classifier"] == baseline["modules"]["classifier"]
    assert twice["deploy"] == baseline["deploy"]
    trusting = small(Variant(scn=SELF_CURE))
    assert trusting["modules"]["attention"] == {"params": width + 1, "macs": 2 * width}
    assert trusting["deploy"]["macs"] == baseline["deploy"]["macs"] + width


RECIPE = recipe(resize=64, flip=0.0, erasing=0.0, epochs=1, batch_size=BATCH, precision="float32")


@pytest.mark.parametrize(
    "variant",
    [OURS, SIMSIAM, Variant(msr=MSR(fd=32), scn=SELF_CURE)],
    ids=["ours", "simsiam", "scn"],
)
@torch.no_grad()
def test_it_is_what_a_step_of_training_computes(variant):
    """The counter over the real step, with numbers, on the processor."""
    label = torch.arange(BATCH) % 3
    target = nn.functional.one_hot(label, 3).float()
    examples = Examples(torch.arange(BATCH), label, target)
    state = begin(RECIPE, variant, examples, 0, torch.device("cpu"))
    per_image, per_batch = state.contrast.draws
    batch = Batch(
        index=torch.arange(BATCH),
        views=[torch.randn(BATCH, 3, 64, 64) for _ in range(2 if variant.simsiam else 1)],
        label=label,
        target=target,
        start_fm=torch.rand(BATCH, *per_image),
        start_bs=torch.rand(per_batch),
        start_semantics=torch.rand(BATCH, 1, 4),
        warmup=torch.tensor(1.0),
    )
    with FlopCounterMode(display=False) as counter:
        JointLoss(state, RECIPE, variant)(batch)
    expected = round(counter.get_total_flops() / 2 / BATCH)
    assert small(variant, classes=3)["train"]["macs"] == expected


def test_every_product_that_happens_is_counted_and_named(listed):
    class Seen(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = set()

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.names.add(function._overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    with Seen() as seen:
        complexity(fitting(listed), "resnet10_quarter", "small", 64, 8)
        complexity({"released": listed["released"]}, "resnet18", "small", 112, 8)
    uncounted = "mv addmv dot vdot ger addr addbmm linear einsum _cdist_forward _euclidean_dist"
    assert not seen.names & set(uncounted.split())
    formulas = {function.__name__ for function in flop_registry}
    assert seen.names & formulas == set(COUNTED)


def test_the_command_prints_one_json_document_and_its_options_go_before_params(listed):
    size = ("--stem", "small", "--size", "64", "--classes", "5")
    ran = here(ROOT, "complexity", "--json", "--backbone", "resnet10_quarter", *size)
    said = ran.stderr.splitlines()
    left_out = [line.partition(":")[0] for line in said if line.startswith("left out")]
    found = json.loads(ran.stdout)
    setting = found.pop("setting")
    assert list(found) == list(fitting(listed))
    assert left_out == [f"left out {name}" for name in listed if name not in found]
    assert found["ours"] == small(listed["ours"], classes=5)
    asked = ("backbone", "stem", "size", "classes", "batch")
    assert [setting[key] for key in asked] == ["resnet10_quarter", "small", 64, 5, BATCH]
    assert setting["counted"] == list(COUNTED)


def test_the_tables_fit_80_columns_and_show_the_paper(listed, monkeypatch):
    monkeypatch.setattr(console, "out", Console(width=80))
    ran = here(ROOT, "complexity")
    out = ran.stdout
    assert (ran.returncode, ran.stderr) == (0, "")
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())
    assert "…" not in out
    for name in (*listed, "encoder", "EfficientFace", "134.3", "2.01"):
        assert name in out
    assert "not counted" in out
    ours = at_224({"ours": listed["ours"]})["ours"]["train"]
    shown = [line for line in out.splitlines() if line.startswith("ours")]
    for line in (shown[0], shown[-1]):  # among the variants, and beside the paper's
        assert f"{ours['params'] / 1e6:.3f}" in line
        assert f"{ours['macs'] / 1e9:.3f}" in line


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("--size 100", "found 100"),
        ("--size -128", "found -128"),
        ("--backbone vgg16", "found 'vgg16'"),
        ("--stem tiny", "found 'tiny'"),
        ("--classes 1", "found 1"),
    ],
)
def test_what_does_not_fit_is_one_line(options, found):
    assert found in refused(ROOT, "complexity", *options.split())
