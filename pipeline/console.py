"""What people see: results on standard output, progress and errors on standard error.

Names of files and classes come from others: whatever is printed here is `plain`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import track as bar
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)
BLANKS = "\u00a0\u2009\u202f\u3000"  # which isprintable counts as steering


def plain(text: str) -> str:
    """The text with what would steer the terminal, or divide the line, written as Python does."""
    return "".join(
        letter if letter.isprintable() or letter in BLANKS else ascii(letter)[1:-1]
        for letter in text
    )


def track(items: Sequence[Any], description: str) -> Iterable[Any]:
    """A progress bar on standard error, gone when done; see clfer.progress."""
    return bar(
        items,
        description,
        total=len(items),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def say(lines: Iterable[str], heading: str) -> None:
    """What a stage did, in a few lines."""
    out.print(plain(heading), style="bold", highlight=False, markup=False)
    for line in lines:
        out.print(f"  {plain(line)}", highlight=False, markup=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with its first column to the left and numbers to the right. Where it is wider than
    the terminal its heads are broken at spaces, and then it is: nothing is cut.
    """
    out.print(plain(title), style="italic", highlight=False, markup=False, soft_wrap=True)
    grid = Table(show_edge=False, pad_edge=False)
    for i, column in enumerate(columns):
        grid.add_column(Text(plain(column)), justify="right" if i else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(plain(cell)) for cell in row))
    wide = out.options.update(max_width=1_000)
    if out.measure(grid, options=wide).maximum > out.width:
        for one, column in zip(grid.columns, columns, strict=True):
            one.header = Text(plain(column).replace(" ", "\n"))
    width = max(out.width, out.measure(grid, options=wide).maximum)
    out.print(grid, width=width, crop=False, soft_wrap=True)


def page(markdown: str) -> None:
    """Markdown: drawn on a terminal, as it stands in a pipe or a file."""
    text = "\n".join(map(plain, markdown.split("\n")))
    if out.is_terminal:
        from rich.markdown import Markdown  # a twelfth of a second

        out.print(Markdown(text))
    else:
        out.print(text, highlight=False, markup=False, soft_wrap=True)
