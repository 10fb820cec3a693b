"""Whether detectors take several pictures at once: `python -m bench.detector_batches YUNET SCRFD`.

For each file the batch that onnxruntime finds in its graph; and in OpenCV, which does not ask the
graph, on one core: milliseconds for BATCH pictures of SIDE x SIDE px one by one and at once, and
whether the outputs are the same.
"""

import sys

import cv2
import numpy as np
import onnxruntime

from bench.timing import medians

BATCH, SIDE = 8, 320


def main() -> None:
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_FATAL)
    pictures = np.random.default_rng(0).normal(size=(BATCH, 3, SIDE, SIDE)).astype(np.float32)
    for file in sys.argv[1:]:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        print(f"{file}: batch {session.get_inputs()[0].shape[0]} in the graph")
        net = cv2.dnn.readNetFromONNX(file)
        outputs = net.getUnconnectedOutLayersNames()

        def looked(some: np.ndarray, net=net, outputs=outputs) -> list[np.ndarray]:
            net.setInput(some)
            return [np.array(one) for one in net.forward(outputs)]

        single = [looked(one[None]) for one in pictures]
        same = all(
            np.allclose(np.stack([one[i] for one in single]).ravel(), batch.ravel(), atol=1e-5)
            for i, batch in enumerate(looked(pictures))
        )
        taken = medians(
            {
                "one by one": lambda: [looked(one[None]) for one in pictures],
                "at once": lambda: looked(pictures),
            }
        )
        times = ", ".join(f"{name} {value:.0f} ms" for name, value in taken.items())
        print(f"in OpenCV: {times}; {'the same outputs' if same else 'other outputs'}")


if __name__ == "__main__":
    main()
