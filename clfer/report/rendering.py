"""Jinja2 templates of the pages."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clfer.report import numbers

TEMPLATES = Path(__file__).parent / "templates"
FILTERS = "count percent points probability share between change prose literal plural"


@cache
def environment(escape: bool) -> Environment:
    """Templates that fail on a name that does not exist; `escape`: for HTML."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({name: getattr(numbers, name) for name in FILTERS.split()})
    made.tests["numeric"] = numbers.numeric
    return made


def sentences(template: str, **names: object) -> list[str]:
    """The lines of a template of text, each a sentence or several on one matter."""
    text = environment(escape=False).get_template(template).render(**names)
    return [line for line in text.split("\n") if line]
