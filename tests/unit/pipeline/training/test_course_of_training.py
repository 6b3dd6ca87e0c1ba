"""Trainings in this very process: stopped at a chosen step, stopped early, taught, less precise."""

import csv
import signal
from dataclasses import replace

import keras
import numpy as np
import pytest

from liteproof.cluster.strategy import Layout, Strategy
from liteproof.data.dataset import cached_dataset
from liteproof.errors import RecipeError, RunError, StoppedError
from liteproof.recipes.reader import parse_recipe
from liteproof.recipes.training import Precision
from liteproof.runs.run import Settings
from liteproof.tensorflow_setup import Device
from liteproof.training import stage
from liteproof.training.learner import Learner
from liteproof.training.stage import Existing

pytestmark = pytest.mark.slow

BLOCK = 4  # steps; an epoch has 15
CROSS_ENTROPY = 1e-5  # the same sum in another order, float32
FLOAT32_SUM = 1e-6  # a block's losses are added in float32, and blocks differ here


def weights(run):
    """The bytes of a trained model's weights; layers made later in a process have other names."""
    values = keras.saving.load_model(run.keras_model).get_weights()
    return b"".join(value.tobytes() for value in values)


@pytest.fixture
def blocks(monkeypatch):
    """Blocks of few steps; `blocks(n)` asks the process to stop while the n-th is computed."""
    monkeypatch.setattr(Learner, "block_steps", property(lambda _: BLOCK))
    take = Learner.run_block

    def stop_in(block):
        taken = []

        def run_block(self, *arguments, **options):
            taken.append(1)
            if len(taken) == block:
                signal.raise_signal(signal.SIGTERM)
            return take(self, *arguments, **options)

        monkeypatch.setattr(Learner, "run_block", run_block)

    return stop_in


@pytest.fixture(scope="module")
def train(tiny_recipe, tiny_data_dir):
    """Train the tiny recipe with keys put into its [training]."""

    def run(path, keys="", existing=Existing.REFUSE, layout=None, **settings):
        text = tiny_recipe.read_text()
        if "epochs" in keys:
            text = text.replace("epochs = 3\n", "")
        at = "[quantization]" if keys.startswith("[") else "[training.augmentation]"
        text = text.replace(at, f"{keys}\n{at}")
        given = Settings(0, 1, Device.CPU, Precision.FLOAT32, tiny_data_dir)
        arguments = [layout] if layout else []
        recipe_file = parse_recipe(text, "tiny.toml")
        return stage.train(path, recipe_file, replace(given, **settings), existing, *arguments)

    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory, train):
    """A run of the tiny recipe that nothing interrupted."""
    return train(tmp_path_factory.mktemp("whole") / "run")


def rows(run):
    return list(csv.DictReader(run.history.read_text().splitlines()))


@pytest.mark.parametrize(("block", "step"), [(2, 12), (3, 15), (4, 4)])
def test_training_asked_to_stop_goes_on_within_the_epoch(
    tmp_path, whole, train, blocks, capfd, block, step
):
    blocks(block)

    with pytest.raises(StoppedError, match=rf"keeps epoch \d, step {step} of 15; --resume"):
        train(tmp_path / "run")
    capfd.readouterr()
    resumed = train(tmp_path / "run", existing=Existing.RESUME)

    assert f"step {step} of the next" in capfd.readouterr().err
    assert weights(resumed) == weights(whole)
    losses = [[float(row["loss"]) for row in rows(run)] for run in (resumed, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=FLOAT32_SUM)


EARLY = "early_stopping = 2\nepochs = 30\nlabel_smoothing = 0.0"


def test_early_stopping_keeps_the_best_epochs_weights(tmp_path, train, tiny_data_dir):
    run = train(tmp_path / "run", EARLY)

    losses = [float(row["validation_loss"]) for row in rows(run)]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 2 < 30
    dataset = cached_dataset(run.recipe.dataset, run.recipe.preprocessing, tiny_data_dir)
    pictures = stage.parts(run, dataset).validation  # those that training held out
    model = keras.saving.load_model(run.keras_model)
    logits = model.predict(dataset.train.images[pictures].astype(np.float32), verbose=0)
    truth = dataset.train.labels[pictures]
    found = keras.ops.sparse_categorical_crossentropy(truth, logits, from_logits=True)
    assert float(np.mean(found)) == pytest.approx(losses[best], abs=CROSS_ENTROPY)


def test_early_stopping_knows_the_best_epoch_after_a_resume(tmp_path, train, blocks):
    whole = train(tmp_path / "whole", EARLY)
    blocks(4 * (len(rows(whole)) - 1) + 1)  # in the last epoch, when the best one is past

    with pytest.raises(StoppedError):
        train(tmp_path / "run", EARLY)
    resumed = train(tmp_path / "run", EARLY, existing=Existing.RESUME)

    assert weights(resumed) == weights(whole)
    assert len(rows(resumed)) == len(rows(whole))


def test_teacher_is_trained_once_and_shared(
    tmp_path, whole, tiny_recipe, train, tiny_data_dir, capfd
):
    keys = f'[training.distillation]\nteacher = "{tiny_recipe}"\nweight = 0.9'

    taught = [train(tmp_path / str(seed), keys, seed=seed) for seed in (0, 1)]

    said = capfd.readouterr().err
    assert said.count("train: the teacher, tiny") == 2
    assert said.count("train: nothing has changed, skipped") == 1
    teachers = list((tiny_data_dir / ".liteproof" / "teachers").glob("tiny-*"))
    assert len(teachers) == 1
    assert len({weights(run) for run in (whole, *taught)}) == 3


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_less_precise_training_goes_on_after_a_stop(tmp_path, train, blocks, precision):
    whole = train(tmp_path / "whole", precision=precision)
    blocks(4)

    with pytest.raises(StoppedError):
        train(tmp_path / "run", precision=precision)
    resumed = train(tmp_path / "run", precision=precision, existing=Existing.RESUME)

    assert float(rows(resumed)[-1]["loss"]) < float(rows(resumed)[0]["loss"])
    assert weights(resumed) == weights(whole)


def test_one_mirrored_device_finds_the_same_weights(tmp_path, whole, train):
    mirrored = train(tmp_path / "mirrored", layout=Layout(Strategy.MIRRORED))

    assert weights(mirrored) == weights(whole)


def test_batch_that_devices_cannot_share_is_refused_before_any_work(tmp_path, train):
    with pytest.raises(RecipeError, match="32, expected a multiple of 3, the number of devices"):
        train(tmp_path / "run", layout=Layout(Strategy.MIRRORED, 3), replicas=3)

    assert not (tmp_path / "run").exists()


def test_float16_is_refused_on_several_devices(tmp_path, train):
    with pytest.raises(RecipeError, match="float16 is for one device"):
        train(tmp_path / "run", replicas=2, precision=Precision.FLOAT16)


def test_another_number_of_devices_is_another_run(tmp_path, train, blocks):
    blocks(1)
    with pytest.raises(StoppedError):
        train(tmp_path / "run")

    with pytest.raises(RunError, match=r"float32, not .*, 2 replicas"):
        train(tmp_path / "run", existing=Existing.RESUME, replicas=2)
