"""Every call in every test is checked against the shapes in its signature."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

# Before PyTorch is imported: there are as many processes of tests as cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import pytest
import torch
from filelock import FileLock
from hypothesis import settings
from jaxtyping import install_import_hook
from torch.utils._python_dispatch import TorchDispatchMode

# Before any module of ours is imported.
install_import_hook(["clfer"], "beartype.beartype")

# The same examples and numbers every time, and all the time that they take: a test shall fail for
# the code, not for bad luck or a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def afresh() -> None:
    """The same random numbers, and no params.yaml known from the folder of another test."""
    from pipeline.params import everything

    torch.manual_seed(0)
    everything.cache_clear()


# Beside the checkout, or beside the folder that a worktree lies in.
BESIDE = [folder / "shared" / "data" for folder in Path(__file__).parents[2:4]]
REAL = next((folder for folder in BESIDE if folder.is_dir()), BESIDE[0])


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real photographs, weights and datasets, which stay outside the repository."""
    if not REAL.is_dir():
        pytest.skip("there is no real data at ../shared/data")
    return REAL


@pytest.fixture(scope="session")
def real_fer2013(real_data: Path) -> Path:
    """The real FER2013 and FER+ files."""
    return real_data / "fer2013"


@pytest.fixture(scope="session")
def real_npz(real_fer2013: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real fer2013.npz, restored once from its mosaics; alone in its folder."""
    path = tmp_path_factory.mktemp("fer2013") / "fer2013.npz"
    subprocess.run([sys.executable, real_fer2013 / "unpack.py", path], check=True)
    return path


@pytest.fixture(scope="session")
def trained_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with trained and scored models, made once for all processes of tests: to be read,
    or copied and changed.
    """
    import checkouts  # imports modules of ours

    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(root / "trained.lock"):
        if not (root / "trained").exists():
            checkouts.trained(root / "making")
            (root / "making").rename(root / "trained")
    return root / "trained"


@pytest.fixture
def trained_copy(trained_checkout: Path, tmp_path: Path) -> Path:
    """The trained checkout, to be changed."""
    return shutil.copytree(trained_checkout, tmp_path / "copy")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """An address on this machine and the folder whose files it serves."""
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}", folder
        serving.shutdown()


@pytest.fixture
def dead_address(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on this machine at which nothing listens."""
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as closed:
        return f"http://127.0.0.1:{closed.server_port}"


@pytest.fixture
def no_kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have an account there; nothing shall be asked with it."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    monkeypatch.setenv("HOME", str(tmp_path))


# What a GPU answers by waiting for all that it was told before.
READS = (
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
)


class NoHostReads(TorchDispatchMode):
    """Fails on every operation, forward or backward, whose result the host has to see."""

    def __torch_dispatch__(self, operation, types, arguments=(), named=None):
        name = operation.overloadpacket.__name__
        if name in READS or (name.startswith("index") and _masked(arguments)):
            raise AssertionError(f"{name} makes the host wait for the device")
        return operation(*arguments, **(named or {}))


def _masked(arguments):
    """Whether an indexing is by a mask, whose result has a size that depends on values."""
    indices = next((a for a in arguments if isinstance(a, list | tuple)), ())
    return any(index is not None and index.dtype == torch.bool for index in indices)


@pytest.fixture
def no_host_reads() -> Callable[[], NoHostReads]:
    return NoHostReads


@pytest.fixture
def one_graph() -> Iterator[Callable[[Callable], Callable]]:
    """torch.compile that refuses to leave the graph; the shape checks, which it can't see through,
    are off meanwhile.
    """
    disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    torch._dynamo.reset()
    yield lambda code: torch.compile(code, fullgraph=True, backend="eager")
    torch._dynamo.reset()
    jaxtyping.config.update("jaxtyping_disable", disabled)
