"""The learning intensity that is recorded against gradients taken image by image."""

import pytest
import torch

from clfer.training.metrics import EpochMetrics


def begun(steps):
    metrics = EpochMetrics(torch.device("cpu"))
    metrics.reset(steps)
    return metrics


def random_maps(images, channels):
    return torch.randn(images, channels, 4, 4, generator=torch.Generator().manual_seed(0))


def loss_of(maps):
    """Of each image."""
    weight = torch.randn(maps.shape[1], 6, generator=torch.Generator().manual_seed(1))
    return ((maps.mean((-2, -1)) @ weight).tanh() ** 2).sum(1)


def own_gradients(maps):
    """Of each image's loss, taken by itself."""
    alone = [one.detach().requires_grad_() for one in maps.split(1)]
    return [torch.autograd.grad(loss_of(one).sum(), one)[0][0] for one in alone]


@pytest.mark.parametrize("label", [[0, 0, 1, 1, 1], [0, -1, 1, -1, -1]])
def test_intensity_is_the_mean_norm_of_each_labelled_image_s_own_gradient(label):
    """The others get a gradient from the contrast alone, here a part that all images have."""
    features = random_maps(5, 3).requires_grad_()
    inner = features * 3
    metrics = begun(1)
    label = torch.tensor(label)
    labelled = label >= 0
    metrics.watch([inner], label)
    loss = loss_of(inner)[labelled].mean()
    (loss + 0.1 * inner[~labelled].sum()).backward()
    metrics.add(0, {"a": loss, "b": 2 * loss}, torch.zeros(5, 2), label)
    norms = [float(gradient.norm()) for gradient in own_gradients(inner[labelled])]
    means = metrics.means()
    assert means["gradient_1"] == pytest.approx(sum(norms) / len(norms), rel=1e-5)
    assert means["train_accuracy"] == pytest.approx(float((label == 0).sum() / labelled.sum()))
    assert means["loss"] == pytest.approx(3 * float(loss.detach()), rel=1e-5)


def test_the_first_step_without_a_number_is_found():
    metrics = begun(4)
    for step, (first, second) in enumerate([(1, 1), (1, 1), (1, torch.nan), (torch.inf, 1)]):
        losses = {"first": torch.tensor(float(first)), "second": torch.tensor(float(second))}
        metrics.add(step, losses, torch.zeros(1, 2), torch.tensor([0]))
        assert metrics.first_non_finite() == (None if step < 2 else 2)


def test_the_accuracy_is_that_of_the_images_with_a_label():
    def accuracy(*labels):
        metrics = begun(len(labels))
        for step, label in enumerate(labels):
            logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
            metrics.add(step, {"a": torch.tensor(1.0)}, logits, torch.tensor(label))
        return metrics.means()["train_accuracy"]

    assert accuracy([0, -1, 1], [-1, -1, 0]) == pytest.approx(2 / 3)
    assert accuracy([-1, -1, -1]) == 0


def test_a_loss_is_the_mean_over_the_steps():
    metrics = begun(2)
    for step, (a, b) in enumerate([(1.0, 0.5), (4.0, -1.0)]):
        losses = {"a": torch.tensor(a), "b": torch.tensor(b)}
        metrics.add(step, losses, torch.zeros(1, 2), torch.tensor([0]))
    means = metrics.means()
    assert (means["a"], means["b"], means["loss"]) == (2.5, -0.25, 2.25)


@pytest.mark.parametrize("label", [[0, 0, 1], [0, 1, -1]])
def test_the_intensity_of_a_group_is_the_mean_norm_of_its_channels_own_gradients(label):
    label, images = torch.tensor(label), random_maps(3, 5)
    groups = torch.tensor([[0, 0, 1, 3, 3], [1, 1, 1, 1, 0], [3, 3, 3, 3, 3]])
    metrics = begun(2)
    norms = {group: [] for group in range(4)}
    for step, shown in enumerate((images.clone(), 2 * images)):
        inner = shown.requires_grad_() * 1.0
        deeper = inner * 1.0
        metrics.watch([inner, deeper], label, [groups])
        loss = loss_of(deeper)[label >= 0].mean()
        loss.backward()
        metrics.add(step, {"a": loss}, torch.zeros(3, 2), label)
        of_images = own_gradients(shown[label >= 0])
        for gradient, group in zip(of_images, groups[label >= 0].tolist(), strict=True):
            for channel, k in enumerate(group):
                norms[k].append(float(gradient[channel].norm()))
    means = metrics.means()
    for k, values in norms.items():
        expected = sum(values) / len(values) if values else 0
        assert means[f"gradient_1_group_{k + 1}"] == pytest.approx(expected, rel=1e-5)
    every = [norm for values in norms.values() for norm in values]
    assert means["gradient_1_channel"] == pytest.approx(sum(every) / len(every), rel=1e-5)
