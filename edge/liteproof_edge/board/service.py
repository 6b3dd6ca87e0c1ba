"""systemd's part: a user unit that serves the current release, confined, watched and restarted.

A socket unit holds the port: while the service restarts, requests wait, and none is refused.
"""

import getpass
import http.client
import json
import os
import time
from pathlib import Path
from typing import Any

from liteproof_edge.board.environment import Ended, run
from liteproof_edge.board.errors import BoardError
from liteproof_edge.board.places import STATE, STORE, UNITS

NAME = "liteproof"
ADDRESS = "service.json"
PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 10.0
SYSTEMCTL_SECONDS = 330.0  # longer than TimeoutStartSec
PROGRAM = f"%h/{STORE}/current/environment/bin"
SOCKET_UNIT = """\
[Unit]
Description=liteproof: the port of the current release

[Socket]
ListenStream={host}:{port}
NoDelay=true

[Install]
WantedBy=sockets.target
"""
RECOVER_UNIT = f"""\
[Unit]
Description=liteproof: go back from a switch that a power cut left unfinished

[Service]
Type=oneshot
ExecStart={PROGRAM}/python -m liteproof_edge.board.recover
"""
# The first block is what runs and how it is watched, the second what it may do. RestartSteps needs
# systemd 254; before, it restarts every 2 s.
SERVICE_UNIT = f"""\
[Unit]
Description=liteproof: answers by the current release
Requires={NAME}.socket
Wants={NAME}-recover.service
After={NAME}.socket {NAME}-recover.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={PROGRAM}/liteproof-edge serve %h/{STORE}/current/bundle --host {{host}} --port {{port}}
WatchdogSec=60
TimeoutStartSec=300
Restart=on-failure
RestartSec=2
RestartSteps=6
RestartMaxDelaySec=120
MemoryMax={{memory_mib}}M
Environment=PYTHONDONTWRITEBYTECODE=1

ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=-%h/{STATE}
PrivateTmp=true
PrivateDevices=true
PrivateUsers=true
NoNewPrivileges=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectClock=true
ProtectHostname=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
MemoryDenyWriteExecute=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
CapabilityBoundingSet=
UMask=0077

[Install]
WantedBy=default.target
"""


class Service:
    """The user unit of one home.

    Args:
        home: the user's.
        root: the store's folder.
    """

    def __init__(self, home: Path, root: Path) -> None:
        self._home, self._address = home, root / ADDRESS
        self._units = home / UNITS

    def install(self, host: str, port: int, memory_mib: int) -> dict[str, Any]:
        """Write the units and start them; what runs as asked is left to run.

        Returns:
            Whether they will start without a login.

        Raises:
            BoardError: systemd will not; there is none for this user, for example.
        """
        (self._home / STATE).mkdir(parents=True, exist_ok=True)
        self._units.mkdir(parents=True, exist_ok=True)
        values = {"host": host, "port": port, "memory_mib": memory_mib}
        shown = f"[{host}]" if ":" in host else host
        units = {
            self._units / f"{NAME}.socket": SOCKET_UNIT.format(host=shown, port=port),
            self._units / f"{NAME}-recover.service": RECOVER_UNIT,
            self._units / f"{NAME}.service": SERVICE_UNIT.format(**values),
        }
        address = json.dumps(values)
        changes = any(
            not path.is_file() or path.read_text("utf-8") != text
            for path, text in {**units, self._address: address}.items()
        )
        if changes:  # otherwise requests need not be refused
            for path, text in units.items():
                path.write_text(text, "utf-8")
            self._systemctl("daemon-reload")
            self._systemctl("stop", f"{NAME}.service", f"{NAME}.socket")
            self._address.write_text(address, "utf-8")
        self._systemctl("enable", f"{NAME}.socket", f"{NAME}.service")
        self._systemctl("start", f"{NAME}.socket")
        self._systemctl("restart" if changes else "start", f"{NAME}.service")
        return {"lingers": self._linger()}

    def restart(self) -> None:
        """Restart it, if it was installed; requests wait meanwhile."""
        if self._address.exists():
            self._systemctl("restart", f"{NAME}.service")

    def state(self) -> "dict[str, Any] | None":
        """Return how it does; None where it was not installed."""
        if not self._address.exists():
            return None
        keys = ("ActiveState", "SubState", "NRestarts", "MemoryCurrent")
        done = self._run("show", f"{NAME}.service", f"--property={','.join(keys)}")
        said = dict(line.partition("=")[::2] for line in done.printed.splitlines())
        return {**self._read(), **{key: said.get(key, "unknown") for key in keys}, **self._ready()}

    def wait(self, manifest_sha256: str, seconds: float) -> None:
        """Wait until it answers by that very bundle.

        Raises:
            BoardError: it does not, so long.
        """
        if not self._address.exists():
            return
        end, said = time.monotonic() + seconds, "nothing"
        while time.monotonic() < end:
            ready = self._ready()
            if ready["manifest_sha256"] == manifest_sha256 and ready["status"] == "ready":
                return
            said = str(ready.get("refused") or ready["status"])
            time.sleep(PAUSE_SECONDS)
        raise BoardError(f"the service does not answer by it within {seconds:g} s: {said}", 6)

    def _ready(self) -> dict[str, Any]:
        """Ask the service which bundle it answers by."""
        address = self._read()
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address["host"], address["host"])  # noqa: S104 - as a client
        connection = http.client.HTTPConnection(host, address["port"], timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/readyz")
            said = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            said = {"status": f"no answer: {error}"}
        finally:
            connection.close()
        keys = ("status", "manifest_sha256", "refused")
        return {key: said.get(key) for key in keys}

    def _read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._address.read_text("utf-8"))
        return found

    def _linger(self) -> bool:
        """Have the units start at boot, without a login; return whether they do."""
        user = getpass.getuser()
        run(["loginctl", "enable-linger", user], self._home)
        return Path("/var/lib/systemd/linger", user).exists()

    def _systemctl(self, *arguments: str) -> None:
        done = self._run(*arguments)
        if done.exit_code:
            raise BoardError(f"systemctl --user {' '.join(arguments)}: {done.said}", 6)

    def _run(self, *arguments: str) -> Ended:
        os.environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        return run(["systemctl", "--user", *arguments], self._home, SYSTEMCTL_SECONDS)
