"""A command's arguments and options, read from its file without what the file imports: torch takes
seconds, and neither help nor completion shall wait for it.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIGHT = {
    "collections.abc",
    "pathlib",
    "pipeline.options",
    "typer",
    "typing",
}  # imported all the same


def outline(name: str) -> Callable[..., None]:
    """The function of that name in pipeline/NAME.py with its signature and docstring, and nothing
    in it. Raises NameError where its signature needs more than LIGHT and the file's own constants.
    """
    path = Path(__file__).with_name(f"{name}.py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    (function,) = (one for one in body if isinstance(one, ast.FunctionDef) and one.name == name)
    function.body = function.body[:1]
    found: dict[str, Any] = {}
    module = ast.Module([*filter(_light, body), function], [])
    exec(compile(module, path, "exec"), found)
    shape: Callable[..., None] = found[name]
    return shape


def _light(node: ast.stmt) -> bool:
    """Whether it imports what is here anyway, or names a constant."""
    match node:
        case ast.Import(names=names):
            return all(one.name in LIGHT for one in names)
        case ast.ImportFrom(module=str(module)):
            return module in LIGHT
        case ast.Assign(value=value):
            try:
                ast.literal_eval(value)
            except (ValueError, TypeError):
                return False
            return True
    return False
