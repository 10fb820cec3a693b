"""The paper's equations as plain loops in float64, written from the paper and our docs/method.md.

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
    """Eq. 1: (row, column) from the map's centre of its strongest responses, found one by one;
    of equal ones the first in reading order.
    """

    def code(responses, cells):
        left, found = list(range(len(responses))), []
        for _ in range(strongest):
            best = max(left, key=responses.__getitem__)
            left.remove(best)
            found += cells[best]
        return found

    return _of_each_map(maps, code)


def soft_code(maps, strongest, temperature):
    """Eq. 1 softened: the n-th pair is the mean position under a softmax of the standardised map
    over all positions but the n - 1 strongest.
    """

    def code(responses, cells):
        level = (responses - responses.mean()) / math.sqrt(responses.var() + 1e-5) / temperature
        left, found = list(range(len(level))), []
        for _ in range(strongest):
            most = max(level[i] for i in left)
            weight = {i: math.exp(level[i] - most) for i in left}
            for axis in (0, 1):
                total = sum(weight[i] * cells[i][axis] for i in left)
                found.append(total / sum(weight.values()))
            left.remove(max(left, key=level.__getitem__))
        return found

    return _of_each_map(maps, code)


def _of_each_map(maps, code):
    images, channels, height, width = maps.shape
    cells = [
        [y - (height - 1) / 2, x - (width - 1) / 2] for y in range(height) for x in range(width)
    ]
    return np.array(
        [[code(maps[b, c].reshape(-1), cells) for c in range(channels)] for b in range(images)]
    )


def square(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def plus_plus(points, draws):
    """k-means++: the first start is any point, each next one is drawn in proportion to the squared
    distance from the nearest so far; a draw picks the point in whose share of the sum it falls.
    """
    start = [points[int(draws[0] * len(points))]]
    for draw in draws[1:]:
        apart = [min(square(p, s) for s in start) for p in points]
        passed, chosen = 0.0, len(points) - 1
        for n, share in enumerate(apart):
            passed += share
            if passed > draw * sum(apart):
                chosen = n
                break
        start.append(points[chosen])
    return np.array(start)


def lloyd(points, start, iterations):
    """Eq. 2 by Lloyd: each point's cluster, and the sum of squared distances to the centroids.

    The e-th empty cluster moves to the point that is e-th farthest from its own centroid.
    """
    centroids = [np.array(s) for s in start]
    for _ in range(iterations):
        clusters, apart = _nearest(points, centroids)
        farthest = sorted(range(len(points)), key=lambda n: -apart[n])
        empty = 0
        for k in range(len(centroids)):
            members = [p for p, cluster in zip(points, clusters, strict=True) if cluster == k]
            if members:
                centroids[k] = sum(members) / len(members)
            else:
                centroids[k] = points[farthest[empty]]
                empty += 1
    clusters, apart = _nearest(points, centroids)
    return np.array(clusters), sum(apart)


def _nearest(points, centroids):
    squares = [[square(p, c) for c in centroids] for p in points]
    return [s.index(min(s)) for s in squares], [min(s) for s in squares]


def kmeans(points, draws, iterations):
    """The clusters of the best of several runs, one row of draws each."""
    runs = [lloyd(points, plus_plus(points, d), iterations) for d in draws]
    return min(runs, key=lambda run: run[1])[0]


def group_means(points, group, k):
    """Eq. 5 (and the centroids of eq. 2, the class centers of eq. 12): None for an empty group."""
    means = []
    for g in range(k):
        members = [p for p, number in zip(points, group, strict=True) if number == g]
        means.append(sum(members) / len(members) if members else None)
    return means


def cosine(a, b):
    """Zero where either vector is."""
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def assign(shallow, centroids):
    """Eq. 3 and 4: the number of the centroid (None: there is none) of highest cosine."""
    groups = []
    for vector in shallow:
        similarity = {k: cosine(vector, c) for k, c in enumerate(centroids) if c is not None}
        groups.append(max(similarity, key=similarity.get))
    return groups


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
    lengths = [math.sqrt(sum(x * x for x in v)) for v in apart]
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
