"""A whole emulated board, from fresh to served, through a new release, back, and a power cut.

Its steps follow one another: each test goes on from where the one before has left the board.
"""

import importlib.util
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from served import MALFORMED, Served, connect, is_refused

from emulated_board import NAME, EmulatedBoard, image
from emulated_roots import default_cache
from liteproof.errors import DeviceError
from liteproof_edge.bundle.golden import Golden

ROOT = Path(__file__).parents[2]
LITEPROOF = Path(sys.executable).with_name("liteproof")
FIRST, SECOND = ROOT / "models" / "mnist", ROOT / "models" / "mnist-micro"
STORE = "~/.local/share/liteproof"
SECONDS = 1800  # emulated, an installation takes minutes
PORT = 8000
SLOW = 100
# What answers; /readyz says 503 as soon as the service is about to end, to send clients elsewhere.
POLL = f"""
import json, time, urllib.request
while True:
    try:
        said = urllib.request.urlopen("http://127.0.0.1:{PORT}/v1/model", timeout={SECONDS}).read()
        print(json.loads(said)["bundle"], flush=True)
    except Exception as error:
        print("failed:", error, flush=True)
    time.sleep(0.2)
"""

serves = pytest.mark.skipif(
    importlib.util.find_spec("liteproof_edge.serving") is None, reason="needs liteproof-edge serve"
)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    try:
        folder = image("bookworm", default_cache(), print)
    except DeviceError as error:
        pytest.skip(str(error))
    with EmulatedBoard(folder, tmp_path_factory.mktemp("disk")) as found:
        found.boot()
        yield found


@pytest.fixture(scope="module")
def liteproof(board):
    def run(*arguments, exit_codes=(0,)):
        done = subprocess.run(
            [LITEPROOF, *map(str, arguments), "--ssh-config", board.config],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode in exit_codes, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def runs(liteproof):
    """What the board says that it runs, be its service ready or not."""
    return lambda: json.loads(liteproof("status", NAME, "--json", exit_codes=(0, 6)))


def is_open(server):
    with suppress(ConnectionRefusedError), connect(server):
        return True
    return False


def test_fresh_board_is_set_up_by_one_command(board):
    script = (ROOT / "scripts" / "pi_setup.sh").read_text()
    done = board.ssh("bash -s", text=script)
    assert done.returncode == 0, done.stderr
    assert "pi_setup: ready: Python 3.11" in done.stdout
    assert board.ssh("test -e /var/lib/systemd/linger/pi").returncode == 0


def test_fresh_board_runs_nothing(liteproof):
    liteproof("status", NAME, exit_codes=(6,))


@serves
def test_bundle_is_deployed_and_served_by_a_confined_user_unit(board, liteproof, runs):
    assert "runs mnist " in liteproof("deploy", FIRST, NAME, "--service")
    said = runs()["status"]
    assert said["about"]["verified"]["same_outputs"] == 20
    assert (said["service"]["status"], said["service"]["ActiveState"]) == ("ready", "active")
    pid = board.ssh("systemctl --user show -p MainPID --value liteproof.service").stdout.strip()
    status = board.ssh(f"cat /proc/{pid}/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


@serves
def test_client_that_polls_sees_no_failed_request_through_a_new_release_and_back(board, liteproof):
    seen, stop = [], threading.Event()

    def poll():
        options = ["ssh", "-F", str(board.config), NAME, f"python3 -c '{POLL}'"]
        later = 0
        with subprocess.Popen(options, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                seen.append(line.strip())
                later += stop.is_set()
                if later == 2:  # the first may have been asked before
                    process.kill()

    client = threading.Thread(target=poll)
    client.start()
    try:
        liteproof("deploy", SECOND, NAME)
        liteproof("rollback", NAME)
    finally:
        stop.set()
        client.join()
    assert [bundle for bundle, _ in itertools.groupby(seen)] == ["mnist", "mnist-micro", "mnist"]


@serves
def test_api_answers_and_refuses_on_the_board_as_anywhere(board):
    """Through a tunnel, so that the client is this machine."""
    golden = Golden.from_bytes((FIRST / "golden.npz").read_bytes(), "golden.npz")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        here = "{}:{}".format(*probe.getsockname())
    forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{here}:127.0.0.1:{PORT}", NAME]
    with subprocess.Popen(["ssh", "-F", str(board.config), *forward]) as tunnel:
        server = Served(tunnel, f"http://{here}")
        while not is_open(server):
            assert tunnel.poll() is None
            time.sleep(0.2)
        labels = [server.label(picture) for picture in golden.pictures]
        assert labels == [str(index) for index in golden.outputs.argmax(axis=-1)]
        with ExitStack() as stack:
            for _ in range(SLOW):
                stack.enter_context(connect(server)).sendall(b"POST /v1/cl")
            assert server.label(golden.pictures[0]) == labels[0]
        assert [name for name in MALFORMED if not is_refused(server, name)] == []
        assert server.ask("POST", "/v1/classify", b"no picture")[0] == 422
        assert server.label(golden.pictures[0]) == labels[0]
        tunnel.terminate()


@serves
def test_service_that_hangs_is_restarted(board, runs):
    board.ssh("systemctl --user kill --signal=STOP liteproof.service")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        said = runs()["status"]["service"]
        state = (int(said["NRestarts"]) > 0, said["ActiveState"], said["status"])
        if state == (True, "active", "ready"):
            break
    assert state == (True, "active", "ready")


def test_power_cut_in_a_switch_leaves_what_ran_before(board, liteproof, runs):
    """The power goes once the link has been replaced, and before anybody has confirmed it."""
    before = runs()["status"]["about"]["bundle"]
    other = FIRST if before == SECOND.name else SECOND
    deploy = subprocess.Popen(
        [LITEPROOF, "deploy", other, NAME, "--ssh-config", board.config],
        stderr=subprocess.PIPE,
        text=True,
    )
    with deploy:
        for line in deploy.stderr:
            if "switching" in line:
                break
        while board.ssh(f"test -e {STORE}/pending.json").returncode:
            assert deploy.poll() is None
        board.cut_power()
        deploy.kill()
    board.boot()
    assert runs()["status"]["about"]["bundle"] == before
    liteproof("deploy", other, NAME)
    assert runs()["status"]["about"]["bundle"] == other.name
