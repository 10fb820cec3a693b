"""In which numbers the network computes."""

import torch

from clfer.training.recipe import Recipe


def precision(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The context in which the network runs; its losses are computed outside, in float32."""
    return torch.autocast(
        device.type, torch.bfloat16, enabled=numbers(recipe, device) == "bfloat16"
    )


def numbers(recipe: Recipe, device: torch.device) -> str:
    """bfloat16 where the recipe says so, or on a GPU where it leaves the choice; else float32."""
    if recipe.precision == "auto":
        return "bfloat16" if device.type == "cuda" else "float32"
    return recipe.precision
