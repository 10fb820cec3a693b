"""The training loop: repeatable, resumable, honest about which split it looks at."""

import math
import re
from itertools import pairwise

import pytest
import torch
from recipes import RECIPE, recipe
from safetensors.torch import load_file
from tiny import ROWS, data, digest, killed_and_resumed, run, variant
from variants import BASELINE, OURS, small

from clfer.errors import InputError
from clfer.scratch import fingerprint
from clfer.training.batches import Batches
from clfer.training.checkpoints import claim
from clfer.training.examples import Examples, Faces, order
from clfer.training.schedule import learning_rate
from clfer.training.supervision import class_weights

LOSSES = {
    "baseline": set(),
    "clbs": {"loss_bs"},
    "clfm": {"loss_fm"},
    "cl": {"loss_fm", "loss_bs"},
    "msr": set(),
    "msr_clbs": {"loss_bs"},
    "msr_clfm": {"loss_fm"},
    "ours": {"loss_fm", "loss_bs"},
    "class_center": {"loss_fm", "loss_bs"},
    "simsiam": {"loss_sim"},
    "scn": {"loss_rank"},
    "ours_hard": {"loss_fm", "loss_bs"},
    "ours_detached": {"loss_fm", "loss_bs"},
    "ours_light": {"loss_fm", "loss_bs"},
    "ours_all_layers": {"loss_fm", "loss_bs"},
    "ours_warmup": {"loss_fm", "loss_bs"},
    "ours_own": {"loss_fm", "loss_bs"},
    "ours_pooled": {"loss_fm", "loss_bs"},
    "ours_whole": {"loss_fm", "loss_bs"},
}  # beside the cross-entropy
COLUMNS = {"epoch", "lr", "loss", "loss_cls", "train_accuracy", "val_loss", "val_accuracy"}
COLUMNS |= {f"gradient_{j}" for j in (1, 2, 3, 4)}
COLUMNS |= {f"gradient_{j}_group_{k}" for j in (1, 2, 3) for k in (1, 2, 3, 4)}


@pytest.mark.parametrize("name", ROWS)
def test_every_variant_trains_on_its_own_losses(tmp_path, name):
    state = run(tmp_path, variant=variant(name), epochs=1)
    (row,) = state.history
    assert row.keys() == COLUMNS | LOSSES[name]
    parts = ["loss_cls", *LOSSES[name]]
    assert all(math.isfinite(value) for value in row.values())
    assert all(row[part] != 0 for part in parts)
    assert row["loss"] == pytest.approx(sum(row[part] for part in parts))
    assert all(row[f"gradient_{j}"] > 0 for j in (1, 2, 3, 4))


@pytest.mark.parametrize("name", ["ours", "simsiam", "scn"])
def test_some_loss_reaches_every_weight(tmp_path, name):
    state = run(tmp_path, variant=variant(name), epochs=1, weight_decay=0.0)
    start = small(variant(name), classes=3)
    for module, before in zip((state.trained, state.contrast), start, strict=True):
        untrained = dict(before.named_parameters())
        for weight, after in module.named_parameters():
            assert not torch.equal(untrained[weight], after), weight


@pytest.mark.parametrize("name", ["ours", "simsiam", "scn"])
def test_with_bfloat16_the_weights_stay_float32_and_the_losses_are_nearly_the_same(tmp_path, name):
    def one_step(precision):
        return run(tmp_path, variant(name), epochs=1, batch_size=24, precision=precision)

    low, exact = one_step("bfloat16"), one_step("float32")
    floating = {value.dtype for value in low.best.values() if value.is_floating_point()}
    assert floating == {torch.float32}
    assert low.history[0]["loss_cls"] != exact.history[0]["loss_cls"]
    for part in ("loss_cls", *LOSSES[name]):
        assert low.history[0][part] == pytest.approx(exact.history[0][part], rel=0.03, abs=0.01)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("simsiam", {}), ("scn", {}), ("baseline", {"ema": 0.9})],
    ids=["simsiam", "scn", "ema"],
)
def test_all_that_a_run_is_repeats(tmp_path, name, changes):
    first, second = (run(tmp_path, variant(name), epochs=1, **changes) for _ in range(2))
    for part in ("trained", "network", "contrast"):
        a, b = (getattr(state, part).state_dict() for state in (first, second))
        assert digest(a) == digest(b)
    assert torch.equal(first.label, second.label)
    assert first.history == second.history


def test_what_two_variants_share_starts_the_same_and_a_module_of_no_weight_changes_nothing(
    tmp_path,
):
    idle = {"clfm": {"alpha": [0.0, 0.0, 0.0]}, "clbs": {"beta": [0.0, 0.0, 0.0]}}
    without = run(tmp_path, variant=variant("msr"), epochs=1)
    with_idle = run(tmp_path, variant=variant("ours", **idle), epochs=1)
    assert digest(without.network.state_dict()) == digest(with_idle.network.state_dict())
    assert without.history == with_idle.history


def test_simsiam_classifies_the_view_that_the_baseline_sees(tmp_path):
    rows = [
        run(tmp_path, variant(name), epochs=1, batch_size=24).history[0]
        for name in ("simsiam", "baseline")
    ]
    assert rows[0]["loss_cls"] == rows[1]["loss_cls"]  # before any step is taken
    assert rows[0]["train_accuracy"] == rows[1]["train_accuracy"]


def test_restarts_of_kmeans_are_trained_with(tmp_path):
    def histories(restarts):
        again = {module: {"restarts": restarts} for module in ("clfm", "clbs")}
        return run(tmp_path, variant=variant("ours", **again), epochs=1).history

    once, thrice = histories(1), histories(3)
    assert all(math.isfinite(value) for value in thrice[0].values())
    assert once[0]["loss_fm"] != thrice[0]["loss_fm"]


def test_the_same_seed_gives_the_same_weights_and_history_and_another_seed_does_not(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert digest(first.network.state_dict()) == digest(second.network.state_dict())
    assert first.history == second.history
    assert digest(run(tmp_path / "c", seed=1).best) != digest(first.best)


def test_a_run_killed_after_an_epoch_ends_as_one_that_ran_through(tmp_path):
    resumed, through = killed_and_resumed(tmp_path / "a"), run(tmp_path / "b")
    assert digest(resumed.network.state_dict()) == digest(through.network.state_dict())
    assert digest(resumed.best) == digest(through.best)
    assert resumed.history == through.history
    assert not (tmp_path / "a").exists()


def test_the_history_has_every_part_and_the_losses_add_up(tmp_path):
    history = run(tmp_path / "a").history
    assert [row["epoch"] for row in history] == [1, 2]
    for row in history:
        assert row["loss"] == pytest.approx(row["loss_cls"] + row["loss_fm"] + row["loss_bs"])
        assert -0.1 <= row["loss_fm"] < 0
        assert -0.1 <= row["loss_bs"] < 0
        assert all(row[f"gradient_{j}"] > 0 for j in (1, 2, 3, 4))
    assert history[1]["lr"] == pytest.approx(0.0009)
    baseline = run(tmp_path / "b", variant=BASELINE).history[0]
    assert baseline["loss"] == baseline["loss_cls"]
    assert "loss_fm" not in baseline


def test_gradients_by_group_are_those_of_the_first_images(tmp_path, monkeypatch):
    """Of whole batches of twelve: the one, or both where one more image is wanted."""
    found = []
    for images in (11, 12, 13):
        monkeypatch.setattr("clfer.training.loop.GROUPED", images)
        state = run(tmp_path / str(images), epochs=1, batch_size=12)
        found.append({k: v for k, v in state.history[0].items() if "group" in k})
    assert found[0] == found[1] != found[2]


def test_the_first_best_epoch_is_kept(tmp_path):
    state = run(tmp_path / "a", epochs=4)
    accuracies = [row["val_accuracy"] for row in state.history]
    assert state.best_epoch == accuracies.index(max(accuracies)) + 1


def test_it_learns_what_is_plain_to_see(tmp_path):
    state = run(tmp_path / "a", epochs=8, erasing=0.0)
    assert max(row["val_accuracy"] for row in state.history) > 0.8


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_epoch(tmp_path):
    said = r"loss is not a number from epoch (\d+), step (\d+) on.*its batch is in (\S+)$"
    with pytest.raises(InputError, match=said) as error:
        run(tmp_path / "a", lr=1e30, epochs=3)
    epoch, step, path = re.search(said, str(error.value)).groups()
    stored, split = data()
    faces = Faces(stored, torch.device("cpu"), memory=1.0)
    contrast = small(OURS, classes=3)[1]
    batches = Batches(faces, split["train"], recipe(), contrast, 0, int(epoch) - 1)
    expected, found = batches[int(step) - 1], load_file(path)
    assert torch.equal(found["index"], expected.index)
    assert torch.equal(found["view_0"], expected.views[0])
    assert torch.equal(found["label"], expected.label)


def test_weights_that_the_last_update_broke_are_not_kept(tmp_path):
    with pytest.raises(InputError, match="the weights are not numbers after epoch 1"):
        run(tmp_path, lr=1e38, batch_size=24, epochs=1)
    assert not (tmp_path / "state.pt").exists()


def test_the_columns_of_the_history_stand_in_the_order_of_the_splits(tmp_path):
    """A set would put them in another order in every process."""
    _, splits = data()
    for watched in (("val", "test"), ("test", "val")):
        split = {"train": splits["train"]} | dict.fromkeys(watched, splits["val"])
        state = run(tmp_path / watched[0], split=split, epochs=1)
        expected = [f"{name}_{what}" for name in watched for what in ("loss", "accuracy")]
        assert list(state.history[0])[-4:] == expected


def test_selection_on_the_test_split_wants_the_test_split(tmp_path):
    with pytest.raises(KeyError):
        run(tmp_path / "a", select="test")


def test_two_trainers_never_write_the_same_run(tmp_path):
    with (
        claim(tmp_path),
        pytest.raises(InputError, match=r"another process \(pid \d+\)"),
        claim(tmp_path),
    ):
        pass


def test_a_state_is_keyed_by_everything_it_depends_on():
    assert fingerprint({"lr": 0.1}, 0) != fingerprint({"lr": 0.2}, 0)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_broken_state_is_named(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a fi")
    with pytest.raises(InputError, match=r"state.pt is no readable state"):
        run(tmp_path)


def test_streamed_and_resident_faces_are_the_same():
    stored, _ = data()
    index = torch.tensor([3, 39, 0, 3])
    resident = Faces(stored, torch.device("cpu"), memory=1.0)
    streamed = Faces(stored, torch.device("cpu"), memory=0.0)
    assert streamed.resident is None
    assert torch.equal(resident(index), streamed(index))
    assert torch.equal(resident(index), torch.from_numpy(stored[[3, 39, 0, 3]]))


def test_an_epoch_visits_every_face_once_in_an_order_of_its_own():
    _, split = data()
    first, again, next_one = (order(split["train"], 40, "none", 0, epoch) for epoch in (0, 0, 1))
    assert sorted(first.tolist()) == list(range(24))
    assert torch.equal(first, again)
    assert not torch.equal(first, next_one)


def test_the_sampler_and_the_weights_balance_the_classes():
    label = torch.tensor([0] * 90 + [1] * 10)
    examples = Examples(torch.arange(100), label, torch.nn.functional.one_hot(label, 2).float())
    drawn = torch.cat([label[order(examples, 100, "sampler", 0, epoch)] for epoch in range(50)])
    assert float(drawn.float().mean()) == pytest.approx(0.5, abs=0.03)
    weights = class_weights(examples)
    assert float(weights[label].mean()) == pytest.approx(1.0)
    assert float(weights[1] / weights[0]) == pytest.approx(9.0)


def test_schedules():
    assert learning_rate(RECIPE, 3, 5, 10) == pytest.approx(0.001 * 0.9**3)
    cycle = RECIPE.model_copy(update={"schedule": "one_cycle", "epochs": 10})
    rates = [learning_rate(cycle, epoch, step, 10) for epoch in range(10) for step in range(10)]
    assert rates[0] == pytest.approx(0.001 / 25)
    assert rates[30] == max(rates) == pytest.approx(0.001)
    assert all(
        math.copysign(1, b - a) == (1 if i < 30 else -1) for i, (a, b) in enumerate(pairwise(rates))
    )
    assert rates[-1] < 1e-5


def test_the_cosine_schedule_falls_from_the_rate_to_zero_over_all_steps():
    cosine = recipe(schedule="cosine", epochs=12)
    share = {0: 1.0, 4: 0.75, 6: 0.5, 8: 0.25, 12: 0.0}  # half of 1 + cos(180 epoch / 12 degrees)
    for epoch, expected in share.items():
        assert learning_rate(cosine, epoch, 0, 5) == pytest.approx(0.001 * expected)
    rates = [learning_rate(cosine, epoch, step, 5) for epoch in range(12) for step in range(5)]
    assert all(b < a for a, b in pairwise(rates))
    assert rates[20 + 3] == pytest.approx(0.0005 * (1 + math.cos(math.pi * 23 / 60)))
    assert 0 < rates[-1] < 1e-6


def test_the_schedule_sets_the_rate_of_every_step(tmp_path):
    state = run(tmp_path, variant=BASELINE, schedule="cosine")  # 3 steps an epoch
    expected = [0.0005 * (1 + math.cos(math.pi * done)) for done in (2 / 6, 5 / 6)]
    assert [row["lr"] for row in state.history] == pytest.approx(expected)
    rates = [group["lr"] for group in state.optimizer.param_groups]
    assert rates == pytest.approx(expected[-1:])
