"""Every call in every test is checked against the shapes in its signature."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Before any module of ours is imported.
install_import_hook(["clfer"], "beartype.beartype")

REAL = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture
def real_fer2013() -> Path:
    """The folder with the real FER2013 and FER+ files, which stays outside the repository."""
    folder = REAL / "fer2013"
    if not folder.is_dir():
        pytest.skip("the real FER2013 is not at ../shared/data/fer2013")
    return folder
