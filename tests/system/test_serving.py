"""The server under faults and load: bounded times, bounded memory, nothing lost."""

import http.client
import json
import os
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from served import MALFORMED, PATIENCE_S, connect, is_refused, serving

from liteproof_edge.bundle.golden import Golden

SLOW = 1000
MAX_IDLE_MIB = 90
MAX_GROWTH_MIB = 5
REQUESTS = 1500  # `make bench` sends 50,000


@pytest.fixture(scope="module")
def bundle(clone):
    return clone / "models" / "mnist"


@pytest.fixture(scope="module")
def golden(bundle):
    return Golden.from_bytes((bundle / "golden.npz").read_bytes(), "golden.npz")


@pytest.fixture
def served(bundle):
    with serving(bundle) as server:
        yield server


@pytest.fixture
def current(bundle, tmp_path):
    """A link to a copy of the bundle, as `deploy` switches it, and what makes another copy."""
    first = shutil.copytree(bundle, tmp_path / "first")
    link = tmp_path / "current"
    link.symlink_to(first)

    def switch(folder):
        new = tmp_path / "new"
        new.symlink_to(folder)
        new.rename(link)

    return link, switch


def ready(server):
    return json.loads(server.ask("GET", "/readyz")[2])


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_idle_server_needs_little_memory(served):
    assert served.memory_mib() <= MAX_IDLE_MIB


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused_and_the_next_is_answered(served, golden, name):
    assert is_refused(served, name)
    assert served.label(golden.pictures[14]) == "7"


def test_body_that_is_too_large_is_refused_before_it_is_sent(served):
    with connect(served) as client:
        client.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 99999999999\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )

        assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_slow_and_half_sent_requests_do_not_stop_others(served, golden):
    halves = [
        b"",
        b"POST /v1/cl",
        b"POST /v1/classify HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 1000\r\n\r\nhalf",
        b"GET /v1/model HTTP/1.1\r\nHost: [::1]\r\n",
    ]
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(served)) for _ in range(SLOW)]
        for number, client in enumerate(clients):
            client.sendall(halves[number % len(halves)])
        began = time.monotonic()
        labels = [served.label(golden.pictures[14]) for _ in range(20)]

        assert labels == ["7"] * 20
        assert time.monotonic() - began < PATIENCE_S / 4
        for client in clients[:4]:  # in the end each of them is hung up on
            assert client.recv(1) == b""


def test_large_photo_does_not_hold_up_small_ones(served, golden, tmp_path):
    from PIL import Image  # noqa: PLC0415 - here alone

    path = tmp_path / "large.png"
    noise = os.urandom(2200 * 1500)
    Image.frombytes("L", (2200, 1500), noise).save(path, compress_level=0)
    large = path.read_bytes()
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(served.ask, "POST", "/v1/classify", large) for _ in range(4)]
        labels = [served.label(golden.pictures[0]) for _ in range(20)]

    assert labels == ["0"] * 20
    assert {each.result()[0] for each in slow} <= {200, 422, 503}


def test_memory_does_not_grow(served, golden):
    def ask_many(n):
        connection = http.client.HTTPConnection(served.host, served.port, timeout=PATIENCE_S)
        for number in range(n):
            picture = golden.pictures[number % len(golden.pictures)]
            connection.request("POST", "/v1/classify?seen=1", picture)
            response = connection.getresponse()
            assert response.status == 200
            response.read()
        connection.close()

    ask_many(REQUESTS // 3)
    before = served.memory_mib()
    ask_many(REQUESTS)

    assert served.memory_mib() - before <= MAX_GROWTH_MIB


def test_too_many_at_once_are_told_to_come_again(served, golden):
    together = threading.Barrier(100)

    def ask():
        together.wait()
        return served.ask("POST", "/v1/classify", golden.pictures[0] + bytes(60_000))

    with ThreadPoolExecutor(100) as pool:
        found = [each.result() for each in [pool.submit(ask) for _ in range(100)]]

    assert {status for status, _, _ in found} <= {200, 503}
    assert all(headers.get("retry-after") for status, headers, _ in found if status == 503)


def test_what_was_accepted_is_answered_after_the_signal_to_end(bundle, golden):
    with serving(bundle) as server:
        stop, lost, answered = threading.Event(), [], []

        def ask():
            connection = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE_S)
            while not stop.is_set():
                try:
                    connection.request("POST", "/v1/classify", golden.pictures[14])
                except OSError:  # it does not listen any more: nothing was accepted
                    return
                try:
                    response = connection.getresponse()
                    answered.append(response.read())
                except OSError as error:
                    lost.append(error)
                    return

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        wait_until(lambda: len(answered) > 100)
        exit_code = server.end()
        stop.set()
        for client in clients:
            client.join()

    assert (exit_code, lost) == (0, [])
    assert all(json.loads(each)["answers"][0]["label"] == "7" for each in answered)


def test_half_sent_request_does_not_keep_it_from_ending(bundle):
    with serving(bundle) as server, connect(server) as client:
        client.sendall(b"POST /v1/cl")

        assert server.end() == 0


def test_switched_bundle_is_taken_without_a_failed_request(current, golden, tmp_path):
    link, switch = current
    other = shutil.copytree(link, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text())
    from liteproof_edge.bundle.manifest import seal  # noqa: PLC0415 - here alone

    (other / "manifest.json").write_bytes(seal(manifest | {"name": "another"}))
    with serving(link) as server:
        stop, statuses = threading.Event(), []

        def ask():
            while not stop.is_set():
                statuses.append(server.ask("POST", "/v1/classify", golden.pictures[14])[0])

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        switch(other)
        wait_until(lambda: ready(server)["bundle"] == "another")
        stop.set()
        for client in clients:
            client.join()

    assert set(statuses) == {200}


def test_damaged_bundle_is_refused_and_reported_while_the_old_one_answers(
    current, golden, tmp_path
):
    link, switch = current
    bad = shutil.copytree(link, tmp_path / "bad")
    (bad / "model.tflite").write_bytes(b"x")
    with serving(link) as server:
        switch(bad)
        wait_until(lambda: ready(server)["refused"])

        assert "model.tflite" in ready(server)["refused"]["reason"]
        assert server.label(golden.pictures[14]) == "7"
        assert b"liteproof_bundle_refused 1.0" in server.ask("GET", "/metrics")[2]


def test_systemd_hears_when_it_is_ready_lives_and_ends(bundle, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        options = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with serving(bundle, **options) as server:
            heard = {manager.recv(100) for _ in range(3)}
            server.end()
            while (last := manager.recv(100)) != b"STOPPING=1":
                heard.add(last)

    assert heard == {b"READY=1", b"WATCHDOG=1"}


def test_socket_of_systemd_is_taken_over(bundle, golden):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with serving(bundle, inherited=listener) as server:
            assert server.port == port
            assert server.label(golden.pictures[0]) == "0"
