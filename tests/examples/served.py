"""`liteproof-edge serve` in a process of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 60


class Served:
    """A server that answers.

    Attributes:
        process: it.
        address: of its page.
        host: and `port` of it.
    """

    def __init__(self, process, address):
        self.process, self.address = process, address
        self.host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
        self.port = int(port)

    def ask(self, method, path, body=None, headers=None):
        """Send a request on a connection of its own; return status, headers and body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found = response.status, dict(response.getheaders()), response.read()
        connection.close()
        return found

    def label(self, picture):
        """Return the label of a picture's bytes."""
        status, _, body = self.ask("POST", "/v1/classify", picture)
        assert status == 200, body
        return json.loads(body)["answers"][0]["label"]

    def memory_mib(self):
        """Return how much memory it holds (resident), in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def end(self):
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def serving(bundle, *options, command="serve", inherited=None, **environment):
    """Serve a bundle on a free port of this machine, and end it well.

    `inherited` is a socket that it takes over as systemd would give it.
    """
    options = [*options, "--port", "0", "--json"]
    command = [sys.executable, "-m", "liteproof_edge", command, str(bundle), *options]
    handed = ()
    if inherited:
        handed = (inherited.fileno(),)
        activate = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{handed[0]}'
        command = ["bash", "-c", activate, "bash", *command]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=os.environ | environment,
        encoding="utf-8",
        pass_fds=handed,
    )
    try:
        line = process.stdout.readline()
        assert line, "it ended before it was ready"
        yield Served(process, json.loads(line)["address"])
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
