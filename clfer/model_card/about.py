"""What is known of a dataset beyond its files: datasets.yaml."""

from functools import cache
from pathlib import Path
from types import MappingProxyType

from ruamel.yaml import YAML

from clfer.settings import Settings

FILE = Path(__file__).with_name("datasets.yaml")


class About(Settings):
    """An entry of datasets.yaml, which says what each means."""

    title: str
    pictures: str
    labels: str
    expressions: str
    terms: str


def about(name: str) -> About | None:
    """What is known of a dataset; None of one that is not listed."""
    return everything().get(name)


@cache
def everything() -> MappingProxyType[str, About]:
    """All entries by their names."""
    loaded = YAML(typ="safe", pure=True).load(FILE)
    return MappingProxyType({name: About.model_validate(one) for name, one in loaded.items()})
