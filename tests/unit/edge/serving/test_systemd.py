import asyncio
import os
import socket

import pytest

from liteproof_edge.serving import systemd

OWN = "own"  # stands for this process's number


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield channel


def test_notification_arrives(manager):
    systemd.notify("READY=1", "STATUS=fine")

    assert manager.recv(100) == b"READY=1\nSTATUS=fine"


def test_notification_arrives_at_an_abstract_socket(monkeypatch):
    name = f"liteproof-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        systemd.notify("READY=1")

        assert channel.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_notification_without_a_manager_is_dropped(monkeypatch, address):
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    systemd.notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("10000000", None, 5.0),
        ("10000000", OWN, 5.0),
        ("10000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_watchdog_is_fed_twice_as_often_as_it_asks(monkeypatch, usec, pid, expected):
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == OWN else value)

    assert systemd.watchdog_interval_s() == expected


@pytest.mark.parametrize(("working_for_s", "heard"), [(0.0, True), (systemd.STUCK_S, False)])
def test_watchdog_is_fed_unless_a_job_hangs(manager, working_for_s, heard):
    async def feed():
        feeding = asyncio.create_task(systemd.feed_watchdog(60, lambda: working_for_s))
        await asyncio.sleep(0)
        feeding.cancel()

    asyncio.run(feed())
    try:
        assert (manager.recv(100) == b"WATCHDOG=1") is heard
    except BlockingIOError:
        assert not heard


@pytest.mark.parametrize(("pid", "count"), [("1", "1"), (OWN, "0"), (OWN, "x"), ("", "")])
def test_socket_that_is_not_for_us_is_not_taken(monkeypatch, pid, count):
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if pid == OWN else pid)
    monkeypatch.setenv("LISTEN_FDS", count)

    assert systemd.inherited() is None
