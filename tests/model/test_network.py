"""The network as a whole: sizes, independence of the batch, shared initial weights, refusals."""

from contextlib import nullcontext

import pytest
import torch
from variants import BASELINE, OURS, small

from clfer.errors import InputError
from clfer.model.backbone import Encoder, check_input, load_weights
from clfer.model.network import build
from clfer.model.variant import CLBS, CLFM, MSR, Variant

PAPER = Variant(msr=MSR(), clfm=CLFM(), clbs=CLBS())


@pytest.mark.parametrize("variant", [BASELINE, OURS], ids=["baseline", "ours"])
def test_logits_of_an_image_are_the_same_alone_and_in_any_batch(variant):
    network, _ = small(variant)
    network.train()
    for _ in range(3):  # running statistics that are not the initial ones
        network(torch.randn(8, 3, 64, 64))
    network.eval()
    images = torch.randn(16, 3, 64, 64)
    with torch.no_grad():
        together = network(images)
        alone = torch.cat([network(image[None]) for image in images])
        shuffled = torch.randperm(16)
        among_others = network(torch.cat([images[shuffled], torch.randn(16, 3, 64, 64) * 9]))[:16]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)
    torch.testing.assert_close(among_others, together[shuffled], atol=1e-5, rtol=0)


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    small(OURS)
    assert torch.equal(torch.rand(3), expected)


def test_resnet18_has_the_sizes_of_the_paper_within_the_budget():
    network, contrast = build("resnet18", "none", "full", 8, PAPER, 0)
    baseline, _ = build("resnet18", "none", "full", 8, BASELINE, 0)
    assert sum(p.numel() for p in baseline.parameters()) == pytest.approx(11.2e6, rel=0.01)
    assert sum(p.numel() for p in [*network.parameters(), *contrast.parameters()]) <= 13.0e6
    sizes = [tuple(f.shape[1:]) for f in network.features(torch.zeros(1, 3, 224, 224))]
    assert sizes == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        ("resnet10_quarter", (16, 32, 64, 128)),
        ("resnet34", (64, 128, 256, 512)),
        ("resnet50", (256, 512, 1024, 2048)),
        ("resnext50_32x4d", (256, 512, 1024, 2048)),
        ("wide_resnet50_2", (256, 512, 1024, 2048)),
    ],
)
def test_other_backbones_have_four_blocks_each_half_the_side(backbone, channels):
    encoder = Encoder(backbone, "small")
    assert encoder.channels == channels
    with torch.no_grad():
        features = encoder(torch.randn(1, 3, 64, 64))
    expected = [(1, c, side, side) for c, side in zip(channels, (32, 16, 8, 4), strict=True)]
    assert [tuple(f.shape) for f in features] == expected


def test_a_backbone_of_bottlenecks_learns_from_all_losses():
    network, contrast = build("resnet50", "none", "small", 8, OURS, 0)
    features = network.features(torch.randn(2, 3, 64, 64))
    vectors = network.represent(features)
    assert network.classify(vectors).shape == (2, 8)
    labels = torch.tensor([0, 5])
    losses, _ = contrast(features, labels, torch.rand(2, 1, 4), torch.rand(1, 8), [vectors])
    loss = torch.nn.functional.cross_entropy(network.classify(vectors), labels)
    (loss + sum(losses.values())).backward()
    parameters = [*network.parameters(), *contrast.parameters()]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in parameters)


def test_torchvision_names_load_into_the_encoder(tmp_path):
    from torchvision.models import resnet18

    published = resnet18(weights=None)
    file = tmp_path / "weights.pth"
    torch.save(published.state_dict(), file)
    encoder = Encoder("resnet18", "full").eval()
    load_weights(encoder, "resnet18", str(file))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        pooled = encoder(image)[-1].mean((-2, -1))
        torch.testing.assert_close(published.eval().fc(pooled), published(image))


def test_imagenet_weights_without_a_network_say_where_to_put_them(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(InputError, match=r"ImageNet weights of resnet18.*resnet18-f37072fd.pth"):
        build("resnet18", "imagenet", "full", 8, BASELINE, 0)


@pytest.mark.parametrize(
    ("size", "stem", "fits"),
    [(48, "small", False), (100, "small", False), (64, "full", False), (64, "small", True)],
)
def test_inputs_too_small_or_uneven_are_refused(size, stem, fits):
    with nullcontext() if fits else pytest.raises(InputError, match=f"train.crop.*found {size}"):
        check_input(size, stem)


@pytest.mark.parametrize(
    ("backbone", "file", "content", "message"),
    [
        ("resnet19", None, None, r"train.backbone: expected one of .*found 'resnet19'"),
        ("resnet10_quarter", "a.pth", None, r"found no .*a.pth"),
        ("resnet10_quarter", "a.pth", b"not weights", r"a.pth is no readable file of weights"),
        ("resnet10_quarter", "a.pth", {"conv1.weight": torch.zeros(1)}, r"a.pth does not fit"),
    ],
)
def test_helpful_errors(tmp_path, backbone, file, content, message):
    if isinstance(content, bytes):
        (tmp_path / file).write_bytes(content)
    elif content:
        torch.save(content, tmp_path / file)
    weights = str(tmp_path / file) if file else "none"
    with pytest.raises(InputError, match=message):
        build(backbone, weights, "small", 8, BASELINE, 0)
