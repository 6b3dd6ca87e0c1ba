"""`liteproof-edge serve` in a process of its own."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 60
# Request, and what the status begins with; "" is a connection that is closed.
MALFORMED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
    "no such version": (b"GET / HTTP/9.9\r\n\r\n", b"4"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b"400"),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"400",
    ),
    "negative length": (b"POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: -1\r\n\r\n", b"400"),
    "length and chunks": (
        (
            b"POST /v1/classify HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
        ),
        b"400",
    ),
    "chunk of no size": (
        b"POST /v1/classify HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"",
    ),
    "endless header": (b"GET / HTTP/1.1\r\nHost: [::1]\r\nX: " + b"x" * (1 << 20), b"4"),
    "folded header": (b"GET / HTTP/1.1\r\nHost: [::1]\r\n X: y\r\n\r\n", b"4"),
    "path of dots": (
        b"GET /../../../etc/passwd HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"404",
    ),
    "path of coded dots": (
        b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
        b"404",
    ),
    "other host": (
        b"GET /v1/model HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"421",
    ),
}


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


def connect(server):
    """Return a connection to a server that nothing has been sent on."""
    return socket.create_connection((server.host, server.port), timeout=PATIENCE_S)


def is_refused(server, name):
    """Send a request of MALFORMED; return whether it is answered as it should be."""
    request, expected = MALFORMED[name]
    answer = b""
    with connect(server) as client, suppress(ConnectionError):  # it may hang up while we speak
        client.sendall(request)
        with suppress(OSError):  # it has hung up
            client.shutdown(socket.SHUT_WR)
        answer = client.recv(1 << 16)
    if not answer:
        return expected in {b"", b"4"}
    return answer.split(b" ")[1].startswith(expected)


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
