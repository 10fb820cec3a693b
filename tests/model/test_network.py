"""The network as a whole: sizes, independence of the batch, shared initial weights, refusals."""

import pytest
import torch
from variants import BASELINE, CLFM_SETTINGS, OURS, small

from clfer.errors import InputError
from clfer.model.backbone import Encoder, check_input, load_weights
from clfer.model.method import build


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


def test_the_encoder_of_a_seed_starts_alike_in_every_variant():
    first, second = small(BASELINE, seed=3)[0].encoder, small(OURS, seed=3)[0].encoder
    other = small(BASELINE, seed=4)[0].encoder
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.stem[0].weight, other.stem[0].weight)


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    small(OURS)
    assert torch.equal(torch.rand(3), expected)


def test_resnet18_has_the_sizes_of_the_paper_within_the_budget():
    network, contrast = build("resnet18", "none", "full", 8, OURS_128, 0)
    trained = sum(p.numel() for p in [*network.parameters(), *contrast.parameters()])
    baseline = sum(
        p.numel() for p in build("resnet18", "none", "full", 8, BASELINE, 0)[0].parameters()
    )
    assert baseline == pytest.approx(11.2e6, rel=0.01)
    assert trained <= 13.0e6
    features = network.features(torch.zeros(1, 3, 224, 224))
    assert [f.shape[1:] for f in features] == [
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
    ]


OURS_128 = OURS.model_copy(
    update={
        "msr": OURS.msr.model_copy(update={"fd": 128}),
        "clbs": OURS.clbs.model_copy(update={"fd": 128}),
    }
)


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
    losses = contrast(features, labels, torch.rand(2, 1, 4), torch.rand(1, 8), [vectors])
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


@pytest.mark.parametrize(
    ("size", "stem"), [(48, "small"), (100, "small"), (64, "full"), (96, "full")]
)
def test_inputs_too_small_or_uneven_are_refused(size, stem):
    with pytest.raises(InputError, match=f"train.crop.*found {size}"):
        check_input(size, stem)


def test_inputs_that_fit_are_accepted():
    for size, stem in ((64, "small"), (112, "small"), (128, "full"), (224, "full")):
        check_input(size, stem)


def test_helpful_errors(tmp_path):
    with pytest.raises(InputError, match=r"train.backbone: expected one of .*found 'resnet19'"):
        build("resnet19", "none", "full", 8, BASELINE, 0)
    with pytest.raises(InputError, match=r"found no .*nowhere.pth"):
        build("resnet10_quarter", str(tmp_path / "nowhere.pth"), "small", 8, BASELINE, 0)
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not weights")
    with pytest.raises(InputError, match=r"wrong.pth is no readable file of weights"):
        build("resnet10_quarter", str(wrong), "small", 8, BASELINE, 0)
    other = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, other)
    with pytest.raises(InputError, match=r"other.pth does not fit resnet10_quarter"):
        build("resnet10_quarter", str(other), "small", 8, BASELINE, 0)
    uneven = CLFM_SETTINGS.model_copy(update={"alpha": (0.1, 0.1)})
    with pytest.raises(InputError, match=r"clfm.alpha: expected 3 weights.*found \[0.1, 0.1\]"):
        small(OURS.model_copy(update={"clfm": uneven}))


def test_imagenet_weights_without_a_network_say_where_to_put_them(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(InputError, match=r"ImageNet weights of resnet18.*resnet18-f37072fd.pth"):
        build("resnet18", "imagenet", "full", 8, BASELINE, 0)
