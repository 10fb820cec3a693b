"""Figures of what the blocks of trained networks respond to, on validation faces."""

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from clfer.errors import InputError
from clfer.explanation import activation
from clfer.explanation.channels import strongest
from clfer.explanation.faces import examples, seen
from clfer.faces.views import central
from clfer.figures import feature_maps as drawn
from clfer.figures import semantic_groups as grouped
from clfer.model.bundle import load
from clfer.model.semantics import SEMANTICS, STRONGEST, semantic_groups as groups_of
from clfer.randomness import generator
from pipeline import paths
from pipeline.data import cached
from pipeline.figures.request import Drawing, Request, alike, trained
