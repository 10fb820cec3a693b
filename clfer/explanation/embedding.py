"""Features of many faces in the plane (Fig. 9)."""

import numpy as np
from jaxtyping import Float, Int
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS = 10  # of a face, that are looked at for its label
PERPLEXITY = 30.0  # neighbours that a point minds, as van der Maaten and Hinton (2008) and sklearn


def tsne(points: Float[np.ndarray, "N D"], seed: int) -> Float[np.ndarray, "N 2"]:
    """The points in the plane by t-SNE, started from their two principal components.

    Near points stay near; the size of clusters, the distances between them and their places mean
    nothing. Of at least two points; few of them have fewer neighbours.
    """
    perplexity = min(PERPLEXITY, max((len(points) - 1) / 3, 1.0))
    method = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    plane: Float[np.ndarray, "N 2"] = method.fit_transform(points.astype(np.float32))
    return plane


def alike(points: Float[np.ndarray, "N D"], label: Int[np.ndarray, " N"]) -> float:
    """Mean share of a point's nearest NEIGHBOURS others that have its label, by Euclidean distance;
    of all others where there are fewer.
    """
    count = min(NEIGHBOURS, len(points) - 1)
    search = NearestNeighbors(n_neighbors=count).fit(points)
    near = search.kneighbors(return_distance=False)  # of the points themselves, without themselves
    return float((label[near] == label[:, None]).mean())


def moments(epochs: list[int], count: int) -> list[int]:
    """`count` of the epochs in ascending order, evenly over their ranks: the first, the last and
    some between; all where there are fewer.
    """
    every = sorted(epochs)
    places = np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int)
    return [every[place] for place in places]
