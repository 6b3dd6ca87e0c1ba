"""Layouts, the meeting of machines, and what is equal when devices share a batch."""

import json
import re
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner

from liteproof.cli import main
from liteproof.cluster import rendezvous
from liteproof.cluster.rendezvous import Identity, meet
from liteproof.cluster.strategy import Layout, Strategy, host_and_port
from liteproof.errors import DeviceError, RunError

PATIENCE_SECONDS = 20
# Float32 sums in another order, magnified by AdamW's division: 1.5e-5 was seen after three steps.
SHARED_TOLERANCE = 1e-4
TWO = "--workers a:1,b:2"
MULTIWORKER = "--strategy multiworker"

SHARED_STEPS = """
import json, numpy as np
from liteproof.tensorflow_setup import prepare
from liteproof.cluster.strategy import make_strategy
from liteproof.tensorflow_setup import Device
from liteproof.cluster.strategy import Layout, Strategy
prepare(Device.CPU, 1)
two = make_strategy(Device.CPU, Layout(Strategy.MIRRORED, 2))
import tensorflow as tf
from liteproof.network import architecture
from liteproof.training.learner import Learner, Steps
from liteproof.recipes.schema import Architecture, Conv
from liteproof.recipes.training import Augmentation, Training
rng = np.random.default_rng(0)
images = rng.integers(0, 256, (3, 8, 12, 12, 1)).astype(np.uint8)
labels = rng.integers(0, 3, (3, 8))
training = Training(epochs=1, batch_size=8, learning_rate=0.01, augmentation=Augmentation(
    rotation_degrees=20.0, shift_pixels=2.0, noise=0.1))

def learn(strategy, normalized):
    layers = (Conv("conv", 4, 3, batch_normalization=normalized),)
    build = lambda: architecture.build(Architecture(layers), (12, 12, 1), 3)
    learner = Learner(build, training, strategy, Steps(3), seed=0)
    totals = learner.run_block(images, labels, 0)
    return learner, totals

alone, one = learn(tf.distribute.OneDeviceStrategy("/cpu:0"), False)
shared, both = learn(two, False)
differences = [
    float(np.abs(mine - theirs).max())
    for mine, theirs in zip(alone.average.get_weights(), shared.average.get_weights())
]
learner, _ = learn(two, True)
copies = [
    [value.numpy() for value in two.experimental_local_results(variable)]
    for variable in learner.variables
]
print(json.dumps({
    "difference": max(differences),
    "loss": abs(one.loss - both.loss),
    "correct": [one.correct, both.correct],
    "copies": sorted({len(values) for values in copies}),
    "apart": sum(not np.array_equal(*values) for values in copies),
}))
"""


@pytest.fixture(scope="module")
def shared():
    """What one device and two find in the same three steps."""
    done = subprocess.run(
        [sys.executable, "-c", SHARED_STEPS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_devices_take_the_steps_of_one_where_nothing_is_normalized(shared):
    """Batch normalisation is left out: each device normalises by its own share of the batch."""
    assert shared["difference"] < SHARED_TOLERANCE
    assert shared["loss"] < SHARED_TOLERANCE
    assert shared["correct"][0] == shared["correct"][1]


@pytest.mark.slow
def test_two_devices_hold_the_same_values_with_batch_normalization_too(shared):
    assert shared["copies"] == [2]
    assert shared["apart"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TWO, "--workers: expected with --strategy multiworker only"),
        ("--task-index 0", "--task-index: expected with --strategy multiworker only"),
        ("--strategy mirrored --cluster-timeout 5", "--cluster-timeout: expected with"),
        (f"{MULTIWORKER} {TWO}", "expected --workers and --task-index too"),
        (f"{MULTIWORKER} --task-index 0", "expected --workers and --task-index too"),
        (f"{MULTIWORKER} {TWO} --task-index 2", "--task-index 2: expected 0 to 1, for 2 workers"),
        (f"{MULTIWORKER} {TWO} --task-index -1", "-1 is not in the range x>=0"),
        (f"{MULTIWORKER} --task-index 0 --workers a:1", "expected two or more"),
        (f"{MULTIWORKER} --task-index 0 --workers a:1,a:1", "names one worker twice"),
        (f"{MULTIWORKER} --task-index 0 --workers a:1,b", "'b': expected host:port"),
        (f"{MULTIWORKER} --task-index 0 --workers a:1,", "'': expected host:port"),
        (f"{MULTIWORKER} {TWO} --task-index 0 --cluster-timeout 0", "not in the range"),
        ("--devices 2", "--devices 2: expected with --strategy mirrored"),
        ("--strategy horovod", "'horovod' is not one of"),
    ],
)
@pytest.mark.parametrize("command", ["train", "run"])
def test_layout_that_contradicts_itself_is_usage(
    command, options, message, tmp_path, tiny_recipe, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, [command, str(tiny_recipe), "--out", "x", *options.split()])

    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("worker", "place"),
    [("pi:2222", ("pi", 2222)), ("10.0.0.7:1", ("10.0.0.7", 1)), ("[::1]:65535", ("::1", 65535))],
)
def test_worker_is_host_and_port(worker, place):
    assert host_and_port(worker) == place


@pytest.mark.parametrize(
    "worker",
    ["", "pi", "pi:", ":1", "pi:0", "pi:65536", "pi:x", "pi:-1", "::1:1", "p i:1", "pi:1/", "pi:²"],
)
def test_worker_that_is_no_place_is_refused(worker):
    with pytest.raises(ValueError, match="expected host:port"):
        host_and_port(worker)


@pytest.mark.parametrize(
    ("layout", "replicas"),
    [
        (Layout(), 1),
        (Layout(Strategy.MIRRORED, 4), 4),
        (Layout(Strategy.MULTIWORKER, 2, ("a:1", "b:1", "c:1")), 6),
    ],
)
def test_replicas_are_the_devices_of_all_machines(layout, replicas):
    assert layout.replicas == replicas


IDENTITY = Identity("a,b", "liteproof 1", "recipe", "seed 0", "data")


def cluster(n, timeout_seconds=PATIENCE_SECONDS):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    workers = tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
    for one in sockets:
        one.close()
    layout = Layout(Strategy.MULTIWORKER, 1, workers, 0, timeout_seconds)
    return [replace(layout, index=index) for index in range(n)]


def meet_all(layouts, identities):
    """Meet in a thread for each machine; return what each one raised, or None."""
    raised = [None] * len(layouts)

    def run(position):
        try:
            meet(layouts[position], identities[position])
        except (DeviceError, RunError) as error:
            raised[position] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(layouts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_three_machines_meet():
    assert meet_all(cluster(3), [IDENTITY] * 3) == [None] * 3


@pytest.mark.parametrize("field", ["workers", "software", "recipe", "settings", "data"])
def test_machines_with_different_trainings_tell_each_other(field):
    raised = meet_all(cluster(2), [IDENTITY, replace(IDENTITY, **{field: "other"})])

    assert [type(error) for error in raised] == [RunError, RunError]
    assert str(raised[0]).startswith(f"worker 1 has another {field}: other; expected ")
    assert str(raised[1]).startswith(f"worker 0 has another {field}: ")


def test_machines_that_are_missing_are_named_in_time():
    layouts = cluster(3, timeout_seconds=1.0)

    (first, second) = meet_all(layouts[:2], [IDENTITY] * 2)

    named = re.escape(f"worker 2 ({layouts[0].workers[2]}) does not answer; expected all 3 workers")
    assert re.match(named, str(first))
    assert re.match(named, str(second))


def test_port_that_is_taken_is_one_line():
    (layout, _) = cluster(2)
    port = host_and_port(layout.workers[0])[1]

    with (
        socket.create_server(("", port)),
        pytest.raises(DeviceError, match=f"port {port}: cannot listen there: Address already"),
    ):
        meet(layout, IDENTITY)


@pytest.mark.parametrize(
    "words", [b"", b"PRI * HTTP/2.0\r\n\r\n", b"[]\n", b'{"index": "0"}\n', b"\xff" * 70_000]
)
def test_stranger_at_the_port_does_no_harm(words, monkeypatch):
    monkeypatch.setattr(rendezvous, "PATIENCE_SECONDS", 0.2)
    layouts = cluster(2)
    ended = threading.Event()

    def disturb():
        while not ended.is_set():
            try:
                with socket.create_connection(host_and_port(layouts[0].workers[0]), 0.2) as other:
                    other.sendall(words)
                    ended.wait(0.05)
            except OSError:  # noqa: PERF203 - nobody listens yet, or any more
                ended.wait(0.01)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    try:
        assert meet_all(layouts, [IDENTITY] * 2) == [None] * 2
    finally:
        ended.set()
        stranger.join()
