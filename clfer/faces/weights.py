"""Where a detector's weights are: at a path, in insightface's own folder, or fetched to there."""

import shutil
import zipfile
from pathlib import Path

from clfer.archives import DAMAGE, METHODS, is_damage
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.progress import Track

FOLDER = Path(".insightface") / "models"  # below the home folder
# insightface takes a folder with the name of a pack for all of that pack
OURS = "clfer"
# the smallest pack that insightface publishes, of which we want the detector alone
PACK = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_sc.zip"
DETECTOR = "det_500m.onnx"
SHA256 = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"
LARGEST = 1 << 28  # bytes of the pack, and of what is taken out of it
LOCKED = 1  # the flag of a member with a password


def locate(weights: Path | None, track: Track, address: str = PACK) -> Path:
    """The file with the weights: `weights` itself, or the first det_*.onnx in insightface's folder,
    or else DETECTOR, downloaded into a folder of ours in there.

    InputError where there is none. insightface's models are for non-commercial research only.
    """
    if weights is not None:
        if not weights.is_file():
            raise InputError(
                f"{weights}: expected an SCRFD detector (det_*.onnx of insightface), found no "
                "file; name another by faces.weights, or --detector where there is one"
            )
        return weights
    folder = Path.home() / FOLDER
    found = sorted(folder.glob("**/det_*.onnx"))
    return found[0] if found else _fetch(folder / OURS, track, address)


def _fetch(folder: Path, track: Track, address: str) -> Path:
    """DETECTOR in this folder, out of the pack at the address, whole and right or not at all."""

    from clfer.download import download  # requests takes a seventh of a second

    pack, target = folder / address.rpartition("/")[2], folder / DETECTOR
    remedy = (
        f"put a det_*.onnx of insightface's into {folder} (its models are for non-commercial "
        "research only), name one by faces.weights or --detector, or do without: faces.detector "
        "given or none, or --no-detect"
    )
    try:
        download(address, pack, None, track, remedy, LARGEST)
        with replacing(target) as temporary:
            if (found := _take(pack, temporary)) != SHA256:
                raise InputError(
                    f"{address}: expected a zip with {DETECTOR} of SHA-256 {SHA256}, found {found}"
                    f"; {remedy}"
                )
    finally:
        pack.unlink(missing_ok=True)
    return target


def _take(pack: Path, target: Path) -> str:
    """The SHA-256 of DETECTOR, which is taken out of the pack; or what is there instead."""
    try:
        with zipfile.ZipFile(pack) as archive:
            members = [m for m in archive.infolist() if m.filename.split("/")[-1] == DETECTOR]
            if not members or not _plain(members[0]):
                return "none that can be read"
            with archive.open(members[0]) as content, target.open("wb") as file:
                shutil.copyfileobj(content, file)
    except (*DAMAGE, OSError) as error:
        if not is_damage(error):
            raise
        return "no complete zip"
    return sha256(target)


def _plain(member: zipfile.ZipInfo) -> bool:
    """Whether it can be taken out without a password, within LARGEST bytes."""
    locked = member.flag_bits & LOCKED or member.compress_type not in METHODS
    return not locked and member.file_size <= LARGEST
