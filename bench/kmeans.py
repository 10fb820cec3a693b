"""Batched K-means beside scikit-learn called set by set: `python -m bench.kmeans`.

Both start by k-means++ from draws of their own, with equal restarts and iterations, and neither
stops early. The points are the codes that CLFM clusters (`hash: soft`, of random maps) or random
numbers.
"""

import statistics

import torch
from sklearn.cluster import KMeans
from torch import Tensor

from bench.timing import medians
from clfer.model.clustering import group_means, kmeans
from clfer.model.feature_maps import soft_code

SETS, POINTS, DIMENSIONS, K, ITERATIONS = 256, 512, 16, 4, 20


def codes() -> Tensor:
    """Of smooth maps, as a network's are: random ones averaged over their neighbours."""
    maps = torch.nn.functional.avg_pool2d(torch.randn(SETS, POINTS, 9, 9), 3, stride=1)
    return soft_code(maps, DIMENSIONS // 2, 0.1)


def inertia(points: Tensor, clusters: Tensor) -> float:
    means, _ = group_means(points.double(), clusters, K)
    own = means.gather(1, clusters.unsqueeze(-1).expand(-1, -1, DIMENSIONS))
    return float((points - own).square().sum((1, 2)).mean())


def race(points: Tensor, restarts: int) -> str:
    """Milliseconds, medians, and how much more inertia than scikit-learn's."""
    model = KMeans(K, n_init=restarts, max_iter=ITERATIONS, tol=0, algorithm="lloyd")
    compiled = torch.compile(kmeans, fullgraph=True)
    inertias: dict[str, list[float]] = {"scikit-learn": [], "batched": [], "compiled": []}

    def work(name: str) -> None:
        draws = torch.rand(SETS, restarts, K)
        if name == "scikit-learn":
            labels = [torch.tensor(model.fit(one).labels_).long() for one in points.numpy()]
            clusters = torch.stack(labels)
        else:
            cluster = compiled if name == "compiled" else kmeans
            clusters = cluster(points, draws, iterations=ITERATIONS)
        inertias[name].append(inertia(points, clusters))

    found = medians({name: lambda name=name: work(name) for name in inertias}, 5, 1)
    mean = {name: statistics.mean(values[1:]) for name, values in inertias.items()}
    first = next(iter(found))
    return "; ".join(
        f"{name} {taken:.1f} ms ({found[first] / taken:.1f} times faster, "
        f"inertia {100 * mean[name] / mean[first] - 100:+.2f} %)"
        for name, taken in found.items()
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    sets = {"random numbers": torch.randn(SETS, POINTS, DIMENSIONS), "codes": codes()}
    for what, points in sets.items():
        for restarts in (1, 3):
            print(f"{what}, {restarts} restarts: {race(points, restarts)}")
