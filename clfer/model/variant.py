"""What a variant of the method consists of: its modules, each with its settings."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator

from clfer.settings import Settings

Weight = Annotated[float, Field(ge=0)]
Weights = Annotated[
    tuple[Weight, ...], Field(min_length=3, max_length=3, strict=False)
]  # blocks 1..L-1


class CLFM(Settings):
    """Contrastive learning based on feature maps (Sec. III-B1, eq. 1-6)."""

    alpha: Weights = (0.0, 0.1, 0.0)  # a layer of weight 0 costs nothing
    k: int = Field(4, ge=2)  # latent semantics, K_FM
    fd: int = Field(16, ge=2, multiple_of=2)  # numbers in a channel's code: half as many positions
    hash: Literal["soft", "hard"] = "soft"
    temperature: float = Field(0.1, gt=0)
    iterations: int = Field(10, ge=1)  # of K-means
    restarts: int = Field(1, ge=1)
    detach_deep: bool = False  # whether the deepest block gets no gradient from this loss
    agreement: Literal["means", "channels"] = "means"  # with the centroid: of group means, of each


class CLBS(Settings):
    """Contrastive learning based on batch samples (Sec. III-B2, eq. 7; class centers: eq. 12)."""

    beta: Weights = (0.0, 0.1, 0.0)
    k: int | None = Field(None, ge=2)  # K_BS; null: the number of classes
    fd: int = Field(128, ge=1)
    centers: Literal["kmeans", "class"] = "kmeans"
    groups: Literal["nearest", "own"] = "nearest"  # own: that of the own image's deep vector
    iterations: int = Field(10, ge=1)
    restarts: int = Field(1, ge=1)
    detach_deep: bool = False
    # not in the paper
    normalised: bool = False  # batch normalisation before the heads' ReLU
    centred: bool = False  # vectors without the batch's mean, of length one
    deep: Literal["head", "features"] = "head"  # features: the pooled ones, without gradient
    loss: Literal["cosine", "softmax"] = "cosine"  # softmax: other centroids are negatives
    temperature: float = Field(0.1, gt=0)  # of the softmax


class MSR(Settings):
    """Multi-scale representation (Sec. III-C, eq. 8-9)."""

    fd: int = Field(128, ge=1)
    # side to which each layer's map is pooled before it is flattened; older files call it grid
    pooled_size: int = Field(4, ge=1, validation_alias=AliasChoices("pooled_size", "grid"))
    whole_deep: bool = False  # whether mu_L = 1


class Warmup(Settings):
    """The weights of CLFM and CLBS rise in equal steps from zero to their full values."""

    share: float = Field(gt=0, le=1)  # of the steps of all epochs


class SimSiam(Settings):
    """The contrast of two views of a face (Chen and He 2021), the comparator of Table II."""

    weight: float = Field(1.0, gt=0)
    fd: int = Field(2048, ge=1)  # numbers in a projection
    bottleneck: int = Field(512, ge=1)  # width inside the predictor


class SCN(Settings):
    """The Self-Cure Network (Wang et al. 2020), the comparator of Table III."""

    weight: float = Field(1.0, ge=0)  # of the rank regularisation
    high: float = Field(0.7, gt=0, lt=1)  # share of a batch that counts as important
    margin: float = Field(0.15, ge=0, le=1)  # by which its mean importance shall exceed the others'
    relabel_from: float = Field(0.25, ge=0, le=1)  # share of the epochs before labels may change
    relabel_margin: float = Field(0.2, ge=0, le=1)  # by which another class has to be more probable


class Released(Settings):
    """The head and the contrast of the paper's released code (`clfer.model.released`)."""

    mean: Literal["batch", "running"] = "batch"  # what is added to every image
    contrast: Weight = 0.1
    iterations: int = Field(10, ge=1)  # of K-means


class Variant(Settings):
    """One row of Table IV or a comparator: its modules. The baseline has none."""

    msr: MSR | None = None
    clfm: CLFM | None = None
    clbs: CLBS | None = None
    warmup: Warmup | None = None
    simsiam: SimSiam | None = None
    scn: SCN | None = None
    released: Released | None = None

    @model_validator(mode="after")
    def _check_warmup(self) -> "Variant":
        if self.warmup and not (self.clfm or self.clbs):
            raise ValueError("warmup: of the weights of clfm and clbs, expected one, found neither")
        return self

    @model_validator(mode="after")
    def _check_released(self) -> "Variant":
        if self.released and (self.msr or self.clfm or self.clbs):
            raise ValueError("released: has a head and a contrast of its own, expected no other")
        return self

    @property
    def label_free(self) -> bool:
        """Whether one of its losses learns from images without a label."""
        clustered = self.clbs and any(self.clbs.beta) and self.clbs.centers == "kmeans"
        released = self.released and self.released.contrast
        return bool((self.clfm and any(self.clfm.alpha)) or clustered or self.simsiam or released)
