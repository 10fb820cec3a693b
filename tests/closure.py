"""Which of our own files a module imports, directly or not, wherever in it the import stands."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("clfer", "pipeline")
DOOR = Path("clfer/__init__.py")  # it opens on what is asked for; no module of ours asks


def closure(module: Path) -> set[Path]:
    """The module and all of ours behind it, as paths from the root; empty files left out."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in found or not (ROOT / path).read_text().strip():
            continue
        found.add(path)
        if path == DOOR:
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            waiting.extend(_named(node))
    return found


def _named(node: ast.AST) -> list[Path]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return []
    files = []
    for name in names:
        if name.split(".")[0] in OURS:
            path = Path(*name.split("."))
            files += [
                p for p in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / p).exists()
            ]
    return files
