"""The paper's equations in NumPy and float64, written from the paper and our docs/method.md.

Nothing here is taken from clfer, so that the fast code can be held against it. Arrays are NumPy's;
a layer is (matrix, bias). At the end, random inputs for both.
"""

import math

import numpy as np
import torch

CHANNELS = (5, 7, 9, 12)


def pool(maps, height, width):
    """AP of eq. 1 and 8: the mean of each cell of a grid, whose borders are rounded outwards."""
    images, channels, rows, columns = maps.shape
    pooled = np.zeros((images, channels, height, width))
    for y in range(height):
        for x in range(width):
            top, bottom = y * rows // height, -(-(y + 1) * rows // height)
            left, right = x * columns // width, -(-(x + 1) * columns // width)
            pooled[:, :, y, x] = maps[:, :, top:bottom, left:right].mean((2, 3))
    return pooled


def hard_code(maps, strongest):
    """Eq. 1: (row, column) from the map's centre of its strongest responses, of equal ones the
    first in reading order.
    """
    flat, cells = _flat(maps)
    order = np.argsort(-flat, axis=-1, kind="stable")[..., :strongest]
    return cells[order].reshape(*maps.shape[:2], -1)


def soft_code(maps, strongest, temperature):
    """Eq. 1 softened: the n-th pair is the mean position under a softmax of the standardised map
    over all positions but the n - 1 strongest.
    """
    flat, cells = _flat(maps)
    mean, variance = flat.mean(-1, keepdims=True), flat.var(-1, keepdims=True)
    level = (flat - mean) / np.sqrt(variance + 1e-5) / temperature
    pairs = []
    for _ in range(strongest):
        weight = np.exp(level - level.max(-1, keepdims=True))
        pairs.append(weight @ cells / weight.sum(-1, keepdims=True))
        np.put_along_axis(level, level.argmax(-1, keepdims=True), -np.inf, axis=-1)
    return np.concatenate(pairs, axis=-1)


def _flat(maps):
    """The maps without rows and columns, and the (row, column) of each position."""
    *_, height, width = maps.shape
    cells = [
        [y - (height - 1) / 2, x - (width - 1) / 2] for y in range(height) for x in range(width)
    ]
    return maps.reshape(*maps.shape[:2], -1), np.array(cells)


def plus_plus(points, draws):
    """k-means++: the first start is any point, each next one is drawn in proportion to the squared
    distance from the nearest so far; a draw picks the point in whose share of the sum it falls.
    """
    start = [points[int(draws[0] * len(points))]]
    for draw in draws[1:]:
        passed = np.cumsum(_squares(points, start).min(1))
        beyond = np.flatnonzero(passed > draw * passed[-1])
        start.append(points[beyond[0] if len(beyond) else -1])
    return np.array(start)


def lloyd(points, start, iterations):
    """Eq. 2 by Lloyd: each point's cluster, and the sum of squared distances to the centroids.

    The e-th empty cluster moves to the point that is e-th farthest from its own centroid.
    """
    centroids = np.array(start)
    for _ in range(iterations):
        apart = _squares(points, centroids)
        farthest = iter(np.argsort(-apart.min(1), kind="stable"))
        for k, mean in enumerate(group_means(points, apart.argmin(1), len(centroids))):
            centroids[k] = points[next(farthest)] if mean is None else mean
    apart = _squares(points, centroids)
    return apart.argmin(1), apart.min(1).sum()


def _squares(points, centroids):
    """Squared distances [N, K]."""
    return np.square(points[:, None] - np.array(centroids)).sum(2)


def kmeans(points, draws, iterations):
    """The clusters of the best of several runs, one row of draws each."""
    runs = [lloyd(points, plus_plus(points, d), iterations) for d in draws]
    return min(runs, key=lambda run: run[1])[0]


def group_means(points, group, k):
    """Eq. 5 (and the centroids of eq. 2, the class centers of eq. 12): None for an empty group."""
    members = [points[np.asarray(group) == g] for g in range(k)]
    return [own.mean(0) if len(own) else None for own in members]


def cosine(a, b):
    """Zero where either vector is."""
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.dot(a, b) / lengths) if lengths else 0.0


def assign(shallow, centroids):
    """Eq. 3 and 4: the number of the centroid (None: there is none) of highest cosine."""
    cosines = [[-np.inf if c is None else cosine(v, c) for c in centroids] for v in shallow]
    return np.argmax(cosines, axis=1).tolist()


def agreement(shallow, centroids, groups=None):
    """Eq. 3-6, or with the groups given: an empty shallow group is a zero row, and the centroid
    beside it stays in phi; a cluster without a centroid is a zero row on both sides.
    """
    groups = assign(shallow, centroids) if groups is None else groups
    means = group_means(shallow, groups, len(centroids))
    zero = np.zeros(len(shallow[0]))
    rows = [zero if m is None else m for m in means]
    phi = [zero if c is None else c for c in centroids]
    return cosine(np.concatenate(rows), np.concatenate(phi))


def nearest_cosine(shallow, centroids):
    """Of each vector the highest cosine with a centroid."""
    return [max(cosine(v, c) for c in centroids if c is not None) for v in shallow]


def log_likelihood(shallow, centroids, groups, temperature):
    """The mean over the vectors of a group of the log of their own centroid's softmax."""
    found = []
    for vector, own in zip(shallow, groups, strict=True):
        if own >= 0:
            scores = {
                k: math.exp(cosine(vector, c) / temperature)
                for k, c in enumerate(centroids)
                if c is not None
            }
            found.append(math.log(scores[own] / sum(scores.values())))
    return sum(found) / len(found) if found else 0.0


def feature_map_loss(pooled, convolutions, settings, draws):
    """Eq. 1-6 with soft codes, the mean over the images. `draws` [B, R, K]."""
    codes, loss = {}, 0.0
    for j, (matrix, bias) in convolutions.items():
        maps = np.einsum("oc,bchw->bohw", matrix, pooled[j]) + bias[:, None, None]
        codes[j] = soft_code(maps, settings.fd // 2, settings.temperature)
    for i, of_image in enumerate(draws):
        deep = codes[max(codes)][i]
        clusters = kmeans(deep, of_image, settings.iterations)
        centroids = group_means(deep, clusters, settings.k)
        for j, alpha in enumerate(settings.alpha):
            if alpha:
                if settings.agreement == "channels":
                    found = np.mean(nearest_cosine(codes[j][i], centroids))
                else:
                    found = agreement(codes[j][i], centroids)
                loss -= alpha * found / len(draws)
    return loss


def project(pooled, projection, normalised=False):
    """Fig. 2: Conv, GAP(512), FC, ReLU of each sample; or the means where there is no head."""
    means = [sample.mean((1, 2)) for sample in pooled]
    if projection is None:
        return np.array(means)
    (convolution, c), (fc, f) = projection
    vectors = [fc @ (convolution @ v + c) + f for v in means]
    if normalised:
        mean, variance = np.mean(vectors, axis=0), np.var(vectors, axis=0)
        vectors = [(v - mean) / np.sqrt(variance + 1e-5) for v in vectors]
    return np.array([np.maximum(v, 0) for v in vectors])


def centre(vectors):
    """Each vector without the mean, of length one."""
    apart = [v - np.mean(vectors, axis=0) for v in vectors]
    lengths = np.linalg.norm(apart, axis=1)
    return np.array([v / n if n > 1e-6 else 0 * v for v, n in zip(apart, lengths, strict=True)])


def batch_sample_loss(pooled, projections, settings, draws, labels, classes):
    """Eq. 7: each sample a vector, the deep ones clustered into min(K, samples) or, with class
    centers, averaged by label (eq. 12; -1 is no class). `draws` [R, K].
    """
    vectors = {j: project(pooled[j], p, settings.normalised) for j, p in projections.items()}
    if settings.centred:
        vectors = {j: centre(v) for j, v in vectors.items()}
    deep = vectors[max(vectors)]
    if settings.centers == "class":
        clusters, centroids = labels, group_means(deep, labels, classes)
    else:
        k = min(settings.k or classes, len(deep))
        clusters = kmeans(deep, [d[:k] for d in draws], settings.iterations)
        centroids = group_means(deep, clusters, k)
    loss = 0.0
    for j, beta in enumerate(settings.beta):
        if beta:
            shallow = vectors[j]
            groups = clusters if settings.groups == "own" else assign(shallow, centroids)
            if settings.loss == "softmax":
                found = log_likelihood(shallow, centroids, groups, settings.temperature)
            else:
                found = agreement(shallow, centroids, groups)
            loss -= beta * found
    return loss


def random_maps(seed, images, layers=(0, 2, 3)):
    """Maps of some blocks, already of one size, by the number of the block."""
    random = torch.Generator().manual_seed(seed)
    return {
        j: torch.randn(images, CHANNELS[j], 3, 4, generator=random, dtype=torch.float64)
        for j in layers
    }


def draws(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def arrays(maps):
    return {j: m.numpy() for j, m in maps.items()}


def layer(module):
    """(matrix, bias) of a linear layer or a 1 x 1 convolution."""
    matrix = module.weight.detach().flatten(1).numpy()
    return matrix, np.zeros(len(matrix)) if module.bias is None else module.bias.detach().numpy()
