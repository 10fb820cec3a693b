"""Cross-layer contrastive learning of latent semantics for facial expression recognition."""

__version__ = "0.1.0"
