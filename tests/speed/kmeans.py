"""Batched K-means beside scikit-learn called set by set: `PYTHONPATH=tests python -m speed.kmeans`.

Both start by k-means++ from draws of their own, with equal restarts and iterations, and neither
stops early. The points are the codes that CLFM clusters (`hash: soft`, of random maps) or random
numbers. Rounds go in turn; times are medians.
"""

import json
import statistics
import time

import torch
from sklearn.cluster import KMeans

from clfer.model.clustering import group_means, kmeans
from clfer.model.hashing import soft_code

SETS, POINTS, DIMENSIONS, K, ITERATIONS, ROUNDS = 256, 512, 16, 4, 20, 5


def random_points():
    return torch.randn(SETS, POINTS, DIMENSIONS)


def codes():
    """Of smooth maps, as a network's are: random ones averaged over their neighbours."""
    maps = torch.nn.functional.avg_pool2d(torch.randn(SETS, POINTS, 9, 9), 3, stride=1)
    return soft_code(maps, DIMENSIONS // 2, 0.1)


def batched(cluster, restarts):
    def run(points):
        return cluster(points, torch.rand(SETS, restarts, K), iterations=ITERATIONS)

    return run


def set_by_set(restarts):
    model = KMeans(K, n_init=restarts, max_iter=ITERATIONS, tol=0, algorithm="lloyd")

    def run(points):
        return torch.stack([torch.tensor(model.fit(p).labels_).long() for p in points.numpy()])

    return run


def inertia(points, clusters):
    means, _ = group_means(points.double(), clusters, K)
    own = means.gather(1, clusters.unsqueeze(-1).expand(-1, -1, DIMENSIONS))
    return float((points - own).square().sum((1, 2)).mean())


def race(points, restarts):
    subjects = {
        "scikit-learn": set_by_set(restarts),
        "batched": batched(kmeans, restarts),
        "compiled": batched(torch.compile(kmeans, fullgraph=True), restarts),
    }
    seconds, inertias = ({name: [] for name in subjects} for _ in range(2))
    for turn in range(-1, ROUNDS):
        for name, run in subjects.items():
            started = time.perf_counter()
            clusters = run(points)
            taken = time.perf_counter() - started
            if turn >= 0:  # the first compiles and fills caches
                seconds[name].append(taken)
                inertias[name].append(inertia(points, clusters))
    return {
        name: {
            "ms": round(1000 * statistics.median(seconds[name]), 1),
            "times faster": round(
                statistics.median(seconds["scikit-learn"]) / statistics.median(seconds[name]), 2
            ),
            "inertia, % more": round(
                100 * statistics.mean(inertias[name]) / statistics.mean(inertias["scikit-learn"])
                - 100,
                3,
            ),
        }
        for name in subjects
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    for what, points in (("random numbers", random_points()), ("codes", codes())):
        for restarts in (1, 3):
            print(json.dumps({"points": what, "restarts": restarts, **race(points, restarts)}))
