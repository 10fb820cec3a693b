"""An exported model's file: whatever its bytes are, an engine that answers or one clear line."""

import numpy as np
from exported_models import tiny
from mutations import attack, broken

from clfer.inference.engines import Exported

FACES = np.zeros((2, 48, 48, 1), np.uint8)


def test_an_exported_model(tmp_path):
    def read(content):
        (tmp_path / "model.onnx").write_bytes(content)
        assert Exported(tmp_path / "model.onnx")(FACES).dtype == np.float32

    attack("exported model", broken(tiny().SerializeToString()), read, 150)
