"""A page of HTML as a tree, read strictly: what is opened is closed, in order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "base", "source", "embed"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def every(self, *tags: str) -> Iterator["Element"]:
        """Elements below this one with one of the tags, all without, in the order of the page."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.every(*tags)

    def classed(self, name: str) -> list["Element"]:
        return [one for one in self.every() if name in one.attributes.get("class", "").split()]

    def section(self, name: str) -> "Element":
        (one,) = [one for one in self.every() if one.attributes.get("id") == name]
        return one

    @property
    def text(self) -> str:
        """What is read, with single blanks."""
        parts = [one if isinstance(one, str) else one.text for one in self.children]
        return " ".join(" ".join(parts).split())


class Reader(HTMLParser):
    open: list[Element]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag}: an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes another"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(page: str) -> Element:
    reader, root = Reader(), Element("", {})
    reader.open = [root]
    reader.feed(page)
    reader.close()
    assert reader.open == [root], f"never closed: {reader.open[1:]}"
    return root
