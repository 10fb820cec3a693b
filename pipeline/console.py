"""What people see: results on standard output, progress and errors on standard error."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track as bar
from rich.table import Table

out = Console()
err = Console(stderr=True)


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
    out.print(f"[bold]{heading}[/bold]", highlight=False)
    for line in lines:
        out.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with its first column to the left and numbers to the right; it may be narrower than
    its title.
    """
    out.print(title, style="italic", highlight=False, soft_wrap=True)
    grid = Table(show_edge=False, pad_edge=False)
    for i, column in enumerate(columns):
        grid.add_column(column, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    out.print(grid)


def page(markdown: str) -> None:
    """Markdown, with its tables and headings drawn."""
    out.print(Markdown(markdown))
