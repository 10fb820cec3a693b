"""In which numbers the network computes."""

import torch

from clfer.training.recipe import Recipe


def precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    """bfloat16 where the recipe says so, or on a GPU where it leaves the choice."""
    wanted = (
        "bfloat16" if recipe.precision == "auto" and device.type == "cuda" else recipe.precision
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted == "bfloat16")
