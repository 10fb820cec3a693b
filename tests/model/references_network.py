"""The other half of the references: multi-scale representation, classification, comparators."""

import math

import numpy as np
from references import cosine, pool


def pixel_shuffle(maps, r):
    """PS of eq. 8: channel c r^2 + a r + b at (y, x) goes to channel c at (y r + a, x r + b)."""
    images, channels, height, width = maps.shape
    shuffled = np.zeros((images, channels // r**2, height * r, width * r))
    for c in range(channels // r**2):
        for a in range(r):
            for b in range(r):
                for y in range(height):
                    for x in range(width):
                        source = maps[:, c * r**2 + a * r + b, y, x]
                        shuffled[:, c, y * r + a, x * r + b] = source
    return shuffled


def unshuffled_weight(weight, r):
    """A convolution's weight [O, C, k, k] for shuffled maps, as one for maps not yet shuffled."""
    out, channels, k, _ = weight.shape
    carried = np.zeros((out, channels * r**2, k // r, k // r))
    for c in range(channels):
        for row in range(k):
            for column in range(k):
                y, a = divmod(row, r)
                x, b = divmod(column, r)
                carried[:, c * r**2 + a * r + b, y, x] = weight[:, c, row, column]
    return carried


def convolve(maps, weight):
    """A convolution whose windows do not overlap: the stride is the side of the kernel."""
    images, _, height, width = maps.shape
    out, _, k, _ = weight.shape
    result = np.zeros((images, out, height // k, width // k))
    for b in range(images):
        for y in range(height // k):
            for x in range(width // k):
                window = maps[b, :, y * k : y * k + k, x * k : x * k + k]
                result[b, :, y, x] = [(w * window).sum() for w in weight]
    return result


def normalise(values, mean, variance, scale=1.0, shift=0.0):
    """Batch normalisation of values whose last axis is the channel."""
    return (values - mean) / np.sqrt(variance + 1e-5) * scale + shift


def reshaped(maps, r, weight, norm, reduce, grid, training):
    """f'_j of eq. 8, [B, fd]: shuffle, convolution block (to 64 channels, normalised, ReLU), AP to
    grid x grid, flatten, 1 x 1 convolution. norm: running mean and variance, scale, shift.
    """
    convolved = np.moveaxis(convolve(pixel_shuffle(maps, r), weight), 1, -1)
    mean, variance, scale, shift = norm
    if training:
        mean, variance = convolved.mean((0, 1, 2)), convolved.var((0, 1, 2))
    active = np.maximum(normalise(convolved, mean, variance, scale, shift), 0)
    pooled = pool(np.moveaxis(active, -1, 1), grid, grid)
    matrix, bias = reduce
    return np.array([matrix @ sample.reshape(-1) + bias for sample in pooled])


def fused(layers, w, whole_deep):
    """F_i = sum_j mu_ij f'_ij with mu_ij = sigmoid(W^T f'_ij) (eq. 8 and 9), or mu_iL = 1."""
    result = np.zeros_like(layers[0])
    for j, vectors in enumerate(layers):
        for i, vector in enumerate(vectors):
            importance = 1 / (1 + math.exp(-sum(w * vector)))
            if whole_deep and j == len(layers) - 1:
                importance = 1
            result[i] += importance * vector
    return result


def cross_entropy(logits, labels):
    """Eq. 11, the mean over the labelled images (label -1: none)."""
    losses = []
    for scores, label in zip(logits, labels, strict=True):
        if label >= 0:
            losses.append(-math.log(math.exp(scores[label]) / sum(math.exp(s) for s in scores)))
    return sum(losses) / len(losses) if losses else 0.0


def perceptron(values, layers):
    """Linear layers by (matrix, bias or None, scale and shift of a batch normalisation or None,
    whether ReLU follows), in training: the statistics are the batch's.
    """
    for matrix, bias, norm, relu in layers:
        values = np.array([matrix @ v + (0 if bias is None else bias) for v in values])
        if norm is not None:
            values = normalise(values, values.mean(0), values.var(0), *norm)
        if relu:
            values = np.maximum(values, 0)
    return values


def siamese_loss(first, second, projector, predictor):
    """SimSiam, eq. 1 and 2: the negative cosine of prediction and projection, both directions."""
    z1, z2 = perceptron(first, projector), perceptron(second, projector)
    p1, p2 = perceptron(z1, predictor), perceptron(z2, predictor)
    directions = [(p1, z2), (p2, z1)]
    images = len(first)
    return -sum(cosine(p[i], z[i]) / 2 for p, z in directions for i in range(images)) / images


def _important(importance, share):
    """The most important images: the share rounded, at least one, and not all of several."""
    count = round(share * len(importance))
    if count == len(importance):
        count -= 1
    count = max(count, 1)
    return sorted(range(len(importance)), key=lambda i: -importance[i])[:count]


def rank_regularisation(importance, share, margin):
    """SCN, its eq. 3: max(0, margin - (mean of the high group - mean of the low group))."""
    high = _important(importance, share)
    low = [i for i in range(len(importance)) if i not in high]
    gap = sum(importance[i] for i in high) / len(high) - sum(importance[i] for i in low) / len(low)
    return max(0.0, margin - gap)


def relabelled(labels, logits, importance, share, margin):
    """SCN, its eq. 5: in the low group the most probable class, where it beats the given one by
    more than the margin; an image without a label (-1) stays so.
    """
    result = list(labels)
    for i in range(len(labels)):
        if i in _important(importance, share) or labels[i] < 0:
            continue
        exponentials = [math.exp(s) for s in logits[i]]
        probability = [e / sum(exponentials) for e in exponentials]
        if max(probability) - probability[labels[i]] > margin:
            result[i] = probability.index(max(probability))
    return result
