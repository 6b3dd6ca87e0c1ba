"""`liteproof deploy` to real sshds on loopback, and what may go wrong on the way."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liteproof.deployment.connection import Connection
from liteproof.deployment.measuring import measure
from liteproof.errors import BoardRefusedError, DeploymentError
from liteproof_edge import idx
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.bundle.manifest import SEAL, seal
from loopback import Boards, make_key, missing

ROOT = Path(__file__).parents[2]
LITEPROOF = Path(sys.executable).with_name("liteproof")
FIRST, SECOND = ROOT / "models" / "mnist", ROOT / "models" / "mnist-micro"
THIRD = ROOT / "models" / "fashion-mnist"
SECONDS = 300
# 9 s on 2 cores with other work; a board that has to install again would take longer than this.
MAX_SECONDS_FOR_THREE = 60

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")


@pytest.fixture(scope="module")
def boards():
    found = Boards()
    yield found
    found.close()


@pytest.fixture(scope="module")
def deployed(boards):
    """Three boards that run the first bundle."""
    three = [boards.add(name) for name in ("kitchen", "garage", "attic")]
    run(boards, "deploy", FIRST, *(board.name for board in three))
    return three


@pytest.fixture
def kitchen(deployed, boards):
    """A board that runs the first bundle, and afterwards again."""
    board = deployed[0]
    first = board.current()
    yield board
    if board.current() != first:
        run(boards, "deploy", FIRST, board.name)


def start(boards, *arguments):
    # A shell's background jobs ignore Ctrl-C, and hand that down: it is made to answer again.
    command = ["env", "--default-signal=INT", LITEPROOF, *map(str, arguments)]
    command += ["--ssh-config", str(boards.config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(boards, *arguments, exit_code=0):
    """Run a command; return what it printed, or the last line of why not."""
    process = start(boards, *arguments)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == exit_code, f"{arguments}\n{out}\n{err}"
    return out if exit_code == 0 else err.strip().splitlines()[-1]


def runs(boards, board):
    """Return the name of the bundle that a board runs, as itself says, having verified it."""
    said = json.loads(run(boards, "status", board.name, "--json"))
    assert said["problem"] is None
    return said["status"]["about"]["bundle"]


def unfinished(board):
    """Return what a deploy has left behind on a board."""
    found = [*board.store.rglob(".new-*"), *board.store.glob("pending.json")]
    return found + [
        folder
        for folder in (board.store / "environments").iterdir()
        if not (folder / ".complete").exists()
    ]


def altered(tmp_path, change):
    """Return a copy of the second bundle that was changed."""
    folder = tmp_path / "altered"
    shutil.copytree(SECOND, folder)
    change(folder)
    return folder


def test_three_boards_run_it_and_say_so(boards, deployed):
    said = run(boards, "status", *(board.name for board in deployed), "--bundle", FIRST)
    assert [line.split()[1] for line in said.splitlines()] == ["mnist"] * 3


def test_second_release_is_switched_to_and_rolled_back(boards, kitchen):
    before = kitchen.current()
    run(boards, "deploy", SECOND, kitchen.name)
    assert runs(boards, kitchen) == "mnist-micro"
    run(boards, "rollback", kitchen.name)
    assert kitchen.current() == before
    assert runs(boards, kitchen) == "mnist"


def test_second_release_copies_the_bundle_alone(boards, kitchen):
    line = run(boards, "deploy", SECOND, kitchen.name, "--json")
    size = sum(path.stat().st_size for path in SECOND.iterdir())
    assert json.loads(line)["copied_bytes"] <= size


def test_three_boards_in_turn_are_deployed_to_soon(boards, deployed):
    names = [board.name for board in deployed]
    begin = time.monotonic()
    run(boards, "deploy", SECOND, *names)
    seconds = time.monotonic() - begin
    run(boards, "rollback", *names)
    assert seconds < MAX_SECONDS_FOR_THREE


def test_dry_run_changes_nothing(boards, kitchen):
    before = sorted(kitchen.store.rglob("*"))
    assert "would run mnist-micro" in run(boards, "deploy", SECOND, kitchen.name, "--dry-run")
    assert sorted(kitchen.store.rglob("*")) == before


def test_inventory_names_boards_and_groups(boards, deployed, tmp_path):
    inventory = tmp_path / "hosts.toml"
    inventory.write_text('[hosts]\na = "kitchen"\nb = "garage"\n[groups]\nall = ["a", "b"]\n')
    said = run(boards, "status", "all", "--inventory", inventory)
    assert [line.split(":")[0] for line in said.splitlines()] == ["kitchen", "garage"]


def test_canary_that_fails_leaves_the_others_untouched(boards, deployed, tmp_path):
    check = tmp_path / "check"
    check.write_text("#!/bin/sh\necho not healthy >&2\nexit 1\n")
    check.chmod(0o755)
    before = [board.current() for board in deployed]
    names = [board.name for board in deployed]
    said = run(boards, "deploy", SECOND, *names, "--canary", 1, "--check", check, exit_code=6)
    assert said.endswith("attic: untouched")
    assert [board.current() for board in deployed] == before
    assert not unfinished(deployed[0])


def test_canary_that_falls_ill_while_it_soaks_goes_back(boards, deployed, tmp_path):
    check = tmp_path / "check"
    check.write_text(f"#!/bin/sh\n[ ! -e {tmp_path}/seen ] && touch {tmp_path}/seen\n")
    check.chmod(0o755)
    before = [board.current() for board in deployed]
    names = [board.name for board in deployed]
    options = ["--canary", 1, "--soak", 1, "--check", check]
    run(boards, "deploy", SECOND, *names, *options, exit_code=6)
    assert [board.current() for board in deployed] == before


@pytest.mark.parametrize("step", ["copying", "installing", "verifying", "switching"])
def test_deployer_that_is_killed_leaves_the_old_release(boards, kitchen, step):
    """Each step of it, by kill -9; the next deploy finds nothing in its way."""
    before = kitchen.current()
    with start(boards, "deploy", SECOND, kitchen.name) as process:
        until(process, step)
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: "another deploy" not in lock_state(boards, kitchen))
    assert kitchen.current() == before
    run(boards, "deploy", SECOND, kitchen.name)
    assert runs(boards, kitchen) == "mnist-micro"
    assert not unfinished(kitchen)


def test_interrupt_ends_it_soon_and_leaves_the_old_releases(boards, deployed):
    before = [board.current() for board in deployed]
    process = start(boards, "deploy", SECOND, *(board.name for board in deployed))
    until(process, "verifying")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.count("interrupted; `liteproof status` tells what it runs") == 3
    for board in deployed:
        wait_for(lambda board=board: "another deploy" not in lock_state(boards, board))
    assert [board.current() for board in deployed] == before


def until(process, step):
    """Wait until a deploy says that it is at a step."""
    assert any(step in line for line in process.stderr)


def lock_state(boards, board):
    process = start(boards, "rollback", board.name)
    out, err = process.communicate(timeout=SECONDS)
    if process.returncode == 0:  # there was one to go back to: undo that
        run(boards, "rollback", board.name)
    return out + err


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_connection_that_is_cut_while_copying_is_resumed(boards, tmp_path):
    board = boards.add("cellar")
    process = start(boards, "deploy", FIRST, board.name)
    parts = board.store / "files"
    wait_for(lambda: any(path.stat().st_size for path in parts.glob("*.part")))
    board.cut()
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 7
    assert board.current() is None
    assert "cellar: " in err.splitlines()[-1]
    there = sum(path.stat().st_size for path in parts.iterdir())
    line = json.loads(run(boards, "deploy", FIRST, board.name, "--json"))
    everything = sum(path.stat().st_size for path in parts.iterdir())
    assert line["copied_bytes"] <= everything - there


@pytest.mark.parametrize("step", ["looking", "copying", "installing", "verifying", "switching"])
def test_connection_that_is_cut_leaves_the_old_release(boards, kitchen, step):
    before = kitchen.current()
    process = start(boards, "deploy", SECOND, kitchen.name)
    until(process, step)
    while process.poll() is None:
        kitchen.cut()
        time.sleep(0.05)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 7, err
    wait_for(lambda: "another deploy" not in lock_state(boards, kitchen))
    assert kitchen.current() == before
    run(boards, "deploy", SECOND, kitchen.name)
    assert runs(boards, kitchen) == "mnist-micro"
    assert not unfinished(kitchen)


def test_connection_that_is_cut_while_pip_works_leaves_nothing(boards):
    board = boards.add("barn")
    process = start(boards, "deploy", FIRST, board.name)
    wait_for(lambda: list(board.store.glob("environments/*/requirements.txt")))
    board.cut()
    process.communicate(timeout=SECONDS)
    assert process.returncode == 7
    wait_for(lambda: "another deploy" not in lock_state(boards, board))
    assert board.current() is None
    run(boards, "deploy", FIRST, board.name)
    assert not unfinished(board)


def test_file_altered_on_the_way_is_refused(boards, kitchen):
    sha256 = hashlib.sha256(b"as it was").hexdigest()
    with Connection(kitchen.name, boards.config) as board:
        board.ask("lock", holder="a test")
        with pytest.raises(BoardRefusedError, match="damaged on the way"):
            board.put(sha256, b"as it is!", 0)
    assert not list(kitchen.store.glob(f"files/{sha256}*"))


def test_two_deploys_at_once_name_each_other(boards, kitchen):
    process = start(boards, "deploy", SECOND, kitchen.name)
    until(process, "copying")
    said = run(boards, "deploy", FIRST, kitchen.name, exit_code=7)
    process.communicate(timeout=SECONDS)
    assert "another deploy is at work" in said
    assert "since" in said
    assert process.returncode == 0


def test_changed_host_key_is_refused(boards, kitchen):
    known = boards.known.read_text()
    other = make_key(boards.folder / f"other-{time.monotonic_ns()}").with_suffix(".pub").read_text()
    boards.known.write_text(f"{kitchen.name} {other}")
    said = run(boards, "deploy", SECOND, kitchen.name, exit_code=7)
    boards.known.write_text(known)
    assert "Host key verification failed" in said


def test_unknown_host_key_is_refused(boards, kitchen):
    known = boards.known.read_text()
    boards.known.write_text("")
    said = run(boards, "deploy", SECOND, kitchen.name, exit_code=7)
    boards.known.write_text(known)
    assert "Host key verification failed" in said


def test_wrong_key_is_refused(boards, kitchen):
    allowed = kitchen.folder / "authorized_keys"
    before = allowed.read_text()
    allowed.write_text("")
    said = run(boards, "deploy", SECOND, kitchen.name, exit_code=7)
    allowed.write_text(before)
    assert "Permission denied" in said


def test_certificate_with_dates_is_held_to_them(boards):
    """What a board sees whose clock is years off: a certificate that has ended, or not begun."""
    board = boards.add("dated")
    authority = make_key(board.folder / "authority")
    line = f"cert-authority {authority.with_suffix('.pub').read_text()}"
    (board.folder / "authorized_keys").write_text(line)
    certificate = boards.key.with_name(f"{boards.key.name}-cert.pub")
    sign = ["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", boards.user]
    try:
        for dates, exit_code in (("-5w:-4w", 7), ("+4w:+5w", 7), ("-1d:+1d", 0)):
            public = boards.key.with_suffix(".pub")
            subprocess.run([*sign, "-V", dates, public], check=True)
            said = run(boards, "deploy", FIRST, board.name, "--dry-run", exit_code=exit_code)
            assert exit_code == 0 or "Permission denied" in said
    finally:
        certificate.unlink()


def test_board_without_python_is_named(boards):
    board = boards.add("bare", path="/nowhere")
    assert "python3" in run(boards, "deploy", FIRST, board.name, exit_code=7)


def fake_python(boards, name, line):
    """A board whose python3 runs a line of Python before what it is given."""
    folder = boards.folder / f"{name}-bin"
    folder.mkdir()
    program = folder / "python3"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && shift && exec /usr/bin/python3 -c \'{line}\n\'"$@"\n'
        'exec /usr/bin/python3 "$@"\n'
    )
    program.chmod(0o755)
    return boards.add(name, path=f"{folder}:/usr/bin:/bin")


FAKES = {
    "riscv": ('import platform; platform.machine = lambda: "riscv64"', 4, "no runtime has a wheel"),
    "musl": (
        'import platform; platform.libc_ver = lambda: ("", "")',
        4,
        "with glibc",
    ),
    "python314": (
        'import platform; platform.python_version = lambda: "3.19.0"',
        7,
        "No matching distribution",
    ),
    "novenv": (
        "import importlib.util as u; u.find_spec = lambda name: None",
        7,
        "apt install python3-venv",
    ),
    "full": (
        'import shutil as s; s.disk_usage = lambda path: type("", (), {"free": 1000000})',
        7,
        "free on its disk",
    ),
    "old": ("import sys; sys.version_info = (3, 9)", 7, "expected 3.10 or later"),
}


@pytest.mark.parametrize("name", FAKES)
def test_board_that_cannot_run_it_is_refused_before_anything_is_copied(boards, name):
    line, exit_code, why = FAKES[name]
    board = fake_python(boards, name, line)
    assert why in run(boards, "deploy", FIRST, board.name, exit_code=exit_code)
    assert not board.store.exists()


def test_clock_that_is_years_off_is_warned_of(boards):
    board = fake_python(boards, "slow", "import time; t = time.time; time.time = lambda: t() - 1e8")
    process = start(boards, "deploy", FIRST, board.name, "--dry-run")
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "its clock is 1157.4 days behind" in err


def test_disk_that_fills_up_leaves_the_old_release(boards, kitchen):
    """A limit on what the agent may write, which the system tells as a disk that is full does."""
    before = kitchen.current()
    config = kitchen.folder / "sshd_config"
    text = config.read_text()
    folder = boards.folder / "limited-bin"
    folder.mkdir()
    (folder / "python3").write_text(
        "#!/bin/sh\nexec /usr/bin/python3 -c 'import resource, signal, sys, os\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        'os.execv("/usr/bin/python3", ["python3", *sys.argv[1:]])\' "$@"\n'
    )
    (folder / "python3").chmod(0o755)
    config.write_text(text.replace("PATH=/usr/bin", f"PATH={folder}:/usr/bin"))
    kitchen.stop()
    kitchen.start()
    try:
        said = run(boards, "deploy", THIRD, kitchen.name, exit_code=8)
    finally:
        config.write_text(text)
        kitchen.stop()
        kitchen.start()
    assert "File too large" in said
    assert kitchen.current() == before
    assert not list((kitchen.store / "files").glob("*.part"))


@pytest.fixture
def small(boards):
    """A board whose home is a file system of its own, as large as is asked for in MB."""
    mounted = []

    def add(name, megabytes):
        line = 'import shutil as s; s.disk_usage = lambda path: type("", (), {"free": 10**12})'
        board = fake_python(boards, name, line)  # looks as large as need be, until it is full
        resize(board, megabytes, "")
        mounted.append(board.home)
        shutil.chown(board.home, boards.user)
        return board

    yield add
    for home in mounted:
        subprocess.run(["umount", "--lazy", home], check=False)


def resize(board, megabytes, options="remount,"):
    size = f"{options}size={int(megabytes * 1024)}k"
    command = ["mount", "-t", "tmpfs", "-o", size, "none", board.home]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a file system: {done.stderr.strip()}")


@pytest.mark.parametrize(
    ("step", "megabytes"), [("copying", 20), ("installing", 45), ("installing", 80)]
)
def test_disk_that_is_full_before_there_is_a_release(boards, small, step, megabytes):
    board = small(f"full-{megabytes}", megabytes)
    process = start(boards, "deploy", FIRST, board.name)
    _, err = process.communicate(timeout=SECONDS)
    said = err.strip().splitlines()
    assert process.returncode == 8, err
    assert step in said[-2]
    assert "No space left" in said[-1]
    assert board.current() is None
    assert not unfinished(board)
    resize(board, 400)
    run(boards, "deploy", FIRST, board.name)
    assert runs(boards, board) == "mnist"


def test_disk_that_is_full_leaves_the_old_release(boards, small):
    board = small("brimful", 400)
    run(boards, "deploy", FIRST, board.name)
    before = board.current()
    size = sum(path.stat().st_size for path in THIRD.iterdir()) / 2**20
    used = shutil.disk_usage(board.home).used / 2**20
    for free in (0.0, size / 2, size * 1.5):  # nothing, half of the copy, half of the release
        resize(board, used + free)
        said = run(boards, "deploy", THIRD, board.name, exit_code=8)
        assert "No space left" in said
        assert board.current() == before
        assert runs(boards, board) == "mnist"
    resize(board, 400)
    run(boards, "deploy", THIRD, board.name)
    assert runs(boards, board) == "fashion-mnist"
    assert not unfinished(board)


def test_bundle_that_does_not_verify_there_is_not_switched_to(boards, kitchen, tmp_path):
    def swap_labels(folder):
        golden = Golden.from_bytes((folder / "golden.npz").read_bytes(), "")
        data = replace(golden, outputs=golden.outputs[::-1].copy()).to_bytes()
        (folder / "golden.npz").write_bytes(data)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        entry = {"size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest["files"]["golden.npz"] = entry
        (folder / "manifest.json").write_bytes(seal(manifest))

    before = kitchen.current()
    bundle = altered(tmp_path, swap_labels)
    said = run(boards, "deploy", bundle, kitchen.name, exit_code=6)
    assert "verify there" in said
    assert "does not answer as the host did" in said
    assert kitchen.current() == before


def test_release_altered_on_the_board_is_mended(boards, kitchen):
    model = kitchen.store / "current" / "bundle" / "model.tflite"
    data = model.read_bytes()
    model.write_bytes(b"\0" * len(data))
    run(boards, "deploy", FIRST, kitchen.name)
    assert model.read_bytes() == data


def test_release_that_fails_its_health_check_goes_back(boards, kitchen, tmp_path):
    check = tmp_path / "check"
    check.write_text('#!/bin/sh\necho "$1: no answer"\nexit 1\n')
    check.chmod(0o755)
    before = kitchen.current()
    said = run(boards, "deploy", SECOND, kitchen.name, "--check", check, exit_code=6)
    assert said.endswith("kitchen: no answer")
    assert kitchen.current() == before


def test_board_with_a_trust_file_takes_signed_bundles_alone(boards, tmp_path):
    board = boards.add("strict")
    key = make_key(tmp_path / "key")
    signers = tmp_path / "allowed_signers"
    signers.write_text(f'me namespaces="liteproof-bundle" {key.with_suffix(".pub").read_text()}')
    dated = tmp_path / "dated_signers"
    dated.write_text(signers.read_text().replace("me ", 'me valid-before="20200101" '))
    bundle = altered(tmp_path, lambda _: None)
    assert "manifest.sig: not found" in run(
        boards, "deploy", bundle, board.name, "--trust", signers, exit_code=4
    )
    sign = "from liteproof.bundling.signing import sign; from pathlib import Path; import sys; "
    sign += "sign(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))"
    subprocess.run([sys.executable, "-c", sign, bundle, key, "4"], check=True)
    run(boards, "deploy", bundle, board.name, "--trust", dated, exit_code=4)
    assert board.current() is None
    for serial, options, exit_code in ((5, (), 0), (4, (), 4), (4, ("--allow-downgrade",), 0)):
        subprocess.run([sys.executable, "-c", sign, bundle, key, str(serial)], check=True)
        trust = ("--trust", signers) if serial == 5 else ()
        run(boards, "deploy", bundle, board.name, *trust, *options, exit_code=exit_code)
    assert "not found" in run(boards, "deploy", FIRST, board.name, exit_code=4)
    assert runs(boards, board) == "mnist-micro"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--trust", "/nowhere"], "/nowhere: No such file"),
        (["--trust", SECOND / "model.tflite"], "expected an allowed_signers file"),
    ],
)
def test_file_that_is_none_is_named(boards, options, why):
    assert why in run(boards, "deploy", FIRST, "kitchen", "--dry-run", *options, exit_code=7)


@pytest.mark.parametrize(
    "options",
    [
        ["--listen", "a b\nExecStart=/bin/sh"],
        ["--listen", "fe80::1%eth0"],
        ["--soak", 1],
        ["--canary", 1, "--soak", "nan"],
        ["--canary", 2],
        ["--check", "/nowhere/check"],
    ],
)
def test_option_that_makes_no_sense_is_refused(boards, options):
    said = run(boards, "deploy", FIRST, "kitchen", "--dry-run", *options, exit_code=2)
    assert "--" in said


def test_board_that_lies_cannot_draw_on_the_terminal(boards):
    folder = boards.folder / "liar-bin"
    folder.mkdir()
    (folder / "python3").write_text(
        """#!/bin/sh\nprintf '{"error": "\\\\u001b[31mred\\\\nline", "exit_code": "x"}\\n'\n"""
    )
    (folder / "python3").chmod(0o755)
    board = boards.add("liar", path=f"{folder}:/usr/bin:/bin")
    said = run(boards, "status", board.name, exit_code=7)
    assert said == r"liteproof: liar: \x1b[31mred\nline"


@pytest.mark.parametrize(
    "host", ["-oProxyCommand=touch /tmp/x", "a b", "$(id)", "a;b", "", "@", "pi@", "pi@-v"]
)
def test_host_that_is_none_is_refused(boards, host):
    said = run(boards, "deploy", FIRST, "--", host, exit_code=7)
    assert "no host as ssh takes it" in said


def test_releases_are_kept_as_far_as_asked(boards, deployed, tmp_path):
    board = deployed[2]
    for bundle in (SECOND, THIRD, ROOT / "tests" / "bundle"):
        run(boards, "deploy", bundle, board.name, "--keep", 2)
    assert len(list((board.store / "releases").iterdir())) == 2
    about = json.loads((board.store / "current" / "release.json").read_text())
    manifest = json.loads((ROOT / "tests" / "bundle" / "manifest.json").read_bytes())
    assert about["manifest_sha256"] == manifest[SEAL]


def test_board_measures_itself_on_the_pictures_that_are_sent(boards, kitchen):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 28, 28, 1), np.uint8)
    examples = idx.Examples(images, np.arange(50) % 10)
    model = hashlib.sha256((FIRST / "model.tflite").read_bytes()).hexdigest()
    with pytest.raises(DeploymentError, match="runs mnist, none of these models"):
        measure(kitchen.name, examples, {"0"}, boards.config)
    found = measure(kitchen.name, examples, {model}, boards.config)
    assert found["n"] == 50
    assert found["pictures_sha256"] == idx.digest(examples)
    said = json.loads(run(boards, "status", kitchen.name, "--json"))
    assert said["status"]["about"]["top1_accuracy"] == found["top1_accuracy"]
