"""What a variant of the method consists of: the modules it has, each with its settings."""

from typing import Annotated, Literal

from pydantic import Field

from clfer.settings import Settings

Weights = tuple[Annotated[float, Field(ge=0)], ...]


class CLFM(Settings):
    """Contrastive learning based on feature maps (Sec. III-B1, eq. 1-6)."""

    alpha: Weights  # of the shallow layers 1..L-1; a layer of weight 0 costs nothing
    k: int = Field(ge=2)  # latent semantics, K_FM
    fd: int = Field(ge=2, multiple_of=2)  # numbers in a channel's code: half as many positions
    hash: Literal["soft", "hard"]
    temperature: float = Field(gt=0)
    iterations: int = Field(ge=1)
    detach_deep: bool


class CLBS(Settings):
    """Contrastive learning based on batch samples (Sec. III-B2, eq. 7; class centers: eq. 12)."""

    beta: Weights
    k: int | None = Field(ge=2)  # K_BS; null: as many as there are classes
    fd: int = Field(ge=1)
    centers: Literal["kmeans", "class"]
    iterations: int = Field(ge=1)
    detach_deep: bool


class MSR(Settings):
    """Multi-scale representation (Sec. III-C, eq. 8-9)."""

    fd: int = Field(ge=1)


class Variant(Settings):
    """One row of Table IV: a module that is null is absent, and the baseline has none."""

    msr: MSR | None
    clfm: CLFM | None
    clbs: CLBS | None
