"""Steps replayed on a GPU against the same steps taken one kernel after the other."""

import pytest
import torch
from recipes import recipe
from tiny import data, digest, variant

from clfer.training.batches import Batches
from clfer.training.examples import Faces
from clfer.training.state import begin
from clfer.training.step import Stepper

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
STEPS = 8


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("name", ["baseline", "ours", "simsiam", "scn"])
def test_a_replayed_step_is_the_step_itself(name, optimizer):
    def descended(recorded):
        gpu = torch.device("cuda")
        stored, split = data(8 * STEPS + 16)
        how = recipe(optimizer=optimizer, balance="weights", ema=0.9)
        chosen, training = variant(name), split["train"].to(gpu)
        state = begin(how, chosen, training, 0, gpu)
        stepper = Stepper(state, how, chosen, gpu)
        if not recorded:
            stepper.steps = stepper._plain, stepper._grouping
        state.trained.train()
        batches = Batches(Faces(stored, gpu, 1.0), training, how, state.contrast, 0, 0)
        metrics = stepper.begin_epoch(training, len(batches))
        for step, batch in enumerate(batches):
            outcome = stepper.take(batch, 1e-3 * (step + 1), grouping=step % 2 == 0)
            metrics.add(step, outcome.losses, outcome.logits, batch.label)
        weights = {k: v.cpu() for k, v in state.network.state_dict().items()}
        return metrics.means(), digest(weights)

    assert descended(recorded=True) == descended(recorded=False)
