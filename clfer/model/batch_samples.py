"""CLBS: contrastive learning based on batch samples (Sec. III-B2)."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.distributed import gathered
from clfer.errors import InputError
from clfer.model.clustering import group_means, kmeans
from clfer.model.contrast import agreement, assign, log_likelihood, unit
from clfer.model.variant import CLBS

POOLED = 512  # channels before the pooling: GAP(512) in Fig. 2


class BatchSampleContrast(nn.Module):
    """The loss L_bs of eq. 7 from the features of all blocks of a batch.

    Each sample is one vector per layer. The deep vectors of the batch are clustered (or averaged by
    class, eq. 12), the shallow ones join the centroid that they resemble most, and the two sides
    are pulled together. There are at most as many clusters as samples. Class centers are those of
    the labelled samples. Under several processes the batch is that of all of them.

    The paper's convolution before the global pooling is taken as 1 x 1 without normalisation or
    activation; it then equals a linear map of the pooled features, which is what is computed.

    Where the vectors of all samples come to point one way, all shallow ones resemble the same
    centroid, and the loss stays near -beta / sqrt(K), whatever they do. Settings of
    `CLBS` that are not in the paper are meant to prevent it.
    """

    def __init__(self, channels: Sequence[int], classes: int, settings: CLBS) -> None:
        super().__init__()
        self.settings = settings
        self.classes = classes
        self.k = settings.k or classes
        self.shallow = [j for j, beta in enumerate(settings.beta) if beta > 0]
        self.layers = [*self.shallow, len(channels) - 1]
        features = settings.deep == "features"
        fd, projected = (channels[-1], self.shallow) if features else (settings.fd, self.layers)
        self.projections = nn.ModuleDict(
            {str(j): _projection(channels[j], fd, settings.normalised) for j in projected}
        )

    def project(self, pooled: Float[Tensor, "B C H W"], layer: int) -> Float[Tensor, "B fd"]:
        """Conv, GAP, FC and ReLU of Fig. 2, or the pooled features.

        Raises InputError on a single image that is to be normalised over the batch.
        """
        # channels last: a gradient in another order than the maps' slows down all that follows
        means = pooled.movedim(1, -1).mean((1, 2))
        if str(layer) not in self.projections:
            return means.detach()
        if self.settings.normalised and len(means) == 1:
            raise InputError(
                "variants: clbs.normalised: expected at least 2 images in a batch, found 1; train "
                "on more"
            )
        projected: Tensor = self.projections[str(layer)](means)
        return projected

    def vectors(self, pooled: Float[Tensor, "_ C H W"], layer: int) -> Float[Tensor, "1 B fd"]:
        """The samples of the whole batch in a layer."""
        samples = gathered(self.project(pooled, layer))
        if self.settings.centred:
            samples = unit(samples - samples.mean(dim=0))
        return samples.unsqueeze(0)

    def forward(
        self,
        pooled: Mapping[int, Float[Tensor, "B _ H W"]],
        labels: Int[Tensor, " B"],
        uniform: Float[Tensor, "R K"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The loss, and the number of groups that the samples of a shallow layer join, the mean
        over the layers.

        pooled: the blocks by number, each on the deepest one's grid, float32; labels (-1: none):
        used by class centers alone; uniform in [0, 1): the draws of the K-means starts.
        """
        maps = pooled[self.layers[-1]]
        maps = maps.detach() if self.settings.detach_deep else maps
        deep = self.vectors(maps, self.layers[-1])
        labels = gathered(labels)
        if self.settings.centers == "class":
            clusters, k = labels.unsqueeze(0), self.classes
        else:
            k = min(self.k, deep.shape[1])
            clusters = kmeans(deep.detach(), uniform[None, :, :k], self.settings.iterations)
        centroids, occupied = group_means(deep, clusters, k)
        loss, groups = deep.new_zeros(()), deep.new_zeros(())
        for j in self.shallow:
            shallow = self.vectors(pooled[j], j)
            own = self.settings.groups == "own"
            group = clusters if own else assign(shallow, centroids, occupied)
            matched, joined = agreement(shallow, centroids, group)  # [1], [1, K]
            if self.settings.loss == "softmax":
                matched = log_likelihood(
                    shallow, centroids, occupied, group, self.settings.temperature
                )
            loss = loss.sub(matched.sum(), alpha=self.settings.beta[j])
            groups = groups.add(joined.sum(), alpha=1 / len(self.shallow))
        return loss, groups


def _projection(channels: int, fd: int, normalised: bool) -> nn.Module:
    norm = [nn.BatchNorm1d(fd)] if normalised else []
    return nn.Sequential(nn.Linear(channels, POOLED), nn.Linear(POOLED, fd), *norm, nn.ReLU())
