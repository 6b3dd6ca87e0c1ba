"""What systemd wants to hear of a service: sd_notify(3), without its library."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress

FIRST_SOCKET = 3  # SD_LISTEN_FDS_START
STUCK_S = 30.0  # a job that takes longer hangs: the largest picture takes seconds on a slow board


def notify(*lines: str) -> None:
    """Send lines such as READY=1, if a service manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall("\n".join(lines).encode())


def watchdog_interval_s() -> float | None:
    """Return how often the watchdog wants to hear: half of what it allows; None without one."""
    text, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not text.isdigit() or not int(text) or (pid and pid != str(os.getpid())):
        return None
    return int(text) / 2e6


def inherited() -> socket.socket | None:
    """Return the socket that systemd listens on for us, sd_listen_fds(3); None without one."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if not os.environ.get("LISTEN_FDS", "").isdigit() or int(os.environ["LISTEN_FDS"]) < 1:
        return None
    return socket.socket(fileno=FIRST_SOCKET)


async def feed_watchdog(interval_s: float, working_for_s: Callable[[], float]) -> None:
    """Tell the watchdog that all is well, for as long as no job hangs and the loop turns."""
    while True:
        if working_for_s() < STUCK_S:
            notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
