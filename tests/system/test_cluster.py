"""Two workers on this machine, each a process of its own, that train one small recipe together."""

import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass

import pytest

START_SECONDS = 120  # for two TensorFlows to be imported on a busy machine
LOST_SECONDS = 30  # within which a worker must notice that another one is gone
TIMEOUT_SECONDS = 2  # of a cluster that never is complete
EPOCHS = 10
DEVICE_ERROR, STOPPED = 7, 1


@dataclass
class Ended:
    """How a worker's process ended."""

    exit_code: int
    said: str
    seconds: float

    @property
    def last_line(self):
        return self.said.splitlines()[-1]


def free_ports(n):
    sockets = [socket.create_server(("", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def weights(run):
    """The bytes of a trained model's weights."""
    return zipfile.ZipFile(run / "model.keras").read("model.weights.h5")


@pytest.fixture(scope="module")
def recipe(tiny_recipe, tmp_path_factory):
    """As the tiny one, with epochs of more than one block, and time enough to be interrupted."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    text = tiny_recipe.read_text().replace("epochs = 3", f"epochs = {EPOCHS}")
    path.write_text(text.replace("batch_size = 32", "batch_size = 8"))
    return path


@pytest.fixture(scope="module")
def train(recipe, tiny_data_dir, tmp_path_factory):
    """Begin one worker; its run's folder may be shared, or the chief's alone."""
    logs = tmp_path_factory.mktemp("logs")

    def begin(out, *options):
        command = [sys.executable, "-m", "liteproof", "train", recipe, "--out", out]
        command += ["--data-dir", tiny_data_dir, "--threads", "1", *options]
        log = logs / f"{len(list(logs.iterdir()))}.txt"
        with log.open("w") as file:
            process = subprocess.Popen(
                [str(part) for part in command], stdout=file, stderr=subprocess.STDOUT
            )
        process.log = log
        return process

    return begin


@pytest.fixture(scope="module")
def train_both(train):
    def begin(*outs, options=()):
        workers = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
        common = ("--strategy", "multiworker", "--workers", workers, *options)
        return [train(out, *common, "--task-index", index) for index, out in enumerate(outs)]

    return begin


def wait(process, seconds=START_SECONDS):
    start = time.monotonic()
    try:
        process.wait(seconds)
    finally:
        process.kill()
    return Ended(process.returncode, process.log.read_text(), time.monotonic() - start)


def newest_checkpoint(run):
    names = [path.stem for path in (run / "checkpoints").glob("ckpt-*.index")]
    return max((int(name.removeprefix("ckpt-")) for name in names), default=0)


def interrupt(processes, run, index, how):
    """Send one worker a signal as soon as there is another checkpoint; return how both end."""
    before, until = newest_checkpoint(run), time.monotonic() + START_SECONDS
    while newest_checkpoint(run) == before:
        assert time.monotonic() < until
        assert all(process.poll() is None for process in processes), processes[0].log.read_text()
        time.sleep(0.01)
    processes[index].send_signal(how)
    return [wait(process, LOST_SECONDS) for process in processes]


@pytest.fixture(scope="module")
def mirrored(train, tmp_path_factory):
    """The weights that one process with two devices finds."""
    run = tmp_path_factory.mktemp("mirrored") / "run"
    ended = wait(train(run, "--strategy", "mirrored", "--devices", "2"))
    assert ended.exit_code == 0, ended.said
    return weights(run)


@pytest.fixture(scope="module")
def story(train_both, tmp_path_factory):
    """A training on a shared disk that is interrupted in three ways, and gone on with each time."""
    run = tmp_path_factory.mktemp("story") / "run"
    processes, ended = train_both(run, run), {}
    for index, how in ((1, signal.SIGTERM), (0, signal.SIGKILL), (1, signal.SIGKILL)):
        ended[index, how] = interrupt(processes, run, index, how)
        assert not (run / "model.keras").exists()
        processes = train_both(run, run, options=["--resume"])
    ended["at last"] = [wait(process) for process in processes]
    return run, ended


def test_two_workers_equal_one_process_with_two_devices(train_both, mirrored, tmp_path):
    chief, other = (wait(process) for process in train_both(tmp_path / "0", tmp_path / "1"))

    assert (chief.exit_code, other.exit_code) == (0, 0), chief.said + other.said
    assert weights(tmp_path / "0") == mirrored
    assert other.last_line == "worker 1 of 2: trained; the chief has the model"
    assert not (tmp_path / "1").exists()


def test_training_interrupted_on_any_worker_ends_in_the_same_weights(story, mirrored):
    run, ended = story

    assert [worker.exit_code for worker in ended["at last"]] == [0, 0], ended
    assert weights(run) == mirrored
    assert all("resuming after epoch" in worker.said for worker in ended["at last"])


def test_asking_one_worker_to_stop_stops_all_at_one_step(story):
    chief, other = story[1][1, signal.SIGTERM]

    assert (chief.exit_code, other.exit_code) == (STOPPED, STOPPED)
    step = re.compile(r"epoch \d+, step \d+ of 62")
    assert step.findall(chief.last_line) == step.findall(other.last_line) != []
    assert "the chief keeps" in other.last_line


@pytest.mark.parametrize("killed", [0, 1])
def test_worker_whose_peer_was_killed_ends_by_itself(story, killed):
    survivor = story[1][killed, signal.SIGKILL][1 - killed]

    assert survivor.exit_code == DEVICE_ERROR
    assert survivor.seconds < LOST_SECONDS
    assert survivor.last_line.startswith("liteproof: ")
    assert "is gone; start all of them again with --resume" in survivor.last_line
    assert "Traceback" not in survivor.said


def test_missing_worker_is_an_error_in_time(train, tmp_path):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    options = ["--strategy", "multiworker", "--workers", ",".join(workers), "--task-index", "1"]

    ended = wait(train(tmp_path / "run", *options, "--cluster-timeout", TIMEOUT_SECONDS))

    assert ended.exit_code == DEVICE_ERROR
    assert ended.last_line == (
        f"liteproof: worker 0 ({workers[0]}) does not answer; expected all 2 "
        f"workers within {TIMEOUT_SECONDS} s (--cluster-timeout)"
    )


def test_asking_a_worker_to_stop_that_waits_for_others_ends_it(train, tmp_path):
    workers = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    options = ["--strategy", "multiworker", "--workers", workers, "--task-index", "0"]
    process = train(tmp_path / "run", *options)
    while "waiting for the others" not in process.log.read_text():
        assert process.poll() is None
        time.sleep(0.05)

    process.terminate()

    assert wait(process, 5).exit_code == -signal.SIGTERM
