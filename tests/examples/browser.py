"""Headless Chromium, driven through its debugging pipe: no port, and no package."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_S = 60  # a page of ours is there in one second; a loaded machine takes several
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage "
    "--hide-scrollbars --remote-debugging-pipe"
)


class Page:
    """One tab. `complaints` gathers what the console, or an uncaught exception, says."""

    def __init__(self, commands, answers):
        self.commands, self.answers = commands, answers
        self.buffer, self.number, self.session = b"", 0, None
        self.complaints, self.requests, self.loaded = [], [], False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def open(self, path, width=1280, height=900, scheme="light"):
        """Show a file, and wait until it has loaded."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media="", features=features)
        self.loaded = False
        self.ask("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self._hear()

    def value(self, expression):
        """Return what a JavaScript expression is."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def press(self, key):
        """Press a key, named as in KeyboardEvent.key."""
        codes = {"ArrowRight": 39, "ArrowLeft": 37, "Enter": 13, "Tab": 9}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            also = text if kind == "keyDown" else {}
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **also,
            )

    def screenshot(self, *, whole=False):
        """Return a PNG of the window, or of the whole page."""
        return self._file("Page.captureScreenshot", captureBeyondViewport=whole)

    def pdf(self):
        """Return the page as it is printed."""
        return self._file("Page.printToPDF", printBackground=True)

    def ask(self, method, **parameters):
        """Send a command and wait for its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._hear()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _file(self, method, **parameters):
        return base64.b64decode(self.ask(method, **parameters)["data"])

    def _hear(self):
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self.buffer:
            left = max(end - time.monotonic(), 0)
            assert select.select([self.answers], [], [], left)[0], "chromium does not answer"
            heard = os.read(self.answers, 1 << 20)
            assert heard, "chromium has ended"
            self.buffer += heard
        text, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(text)
        match message.get("method"):
            case "Page.loadEventFired":
                self.loaded = True
            case "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded":
                self.complaints.append(message["params"])
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return message


@contextmanager
def chromium(profile):
    """Run Chromium with a profile folder of its own, and yield a page."""
    take, commands = os.pipe()
    answers, give = os.pipe()
    # The shell puts the pipes where Chromium looks for them: 3 to read, 4 to write.
    script = f'exec "$0" {FLAGS} --user-data-dir="$1" 3<&{take} 4>&{give}'
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        ["bash", "-c", script, PROGRAM, str(profile)], pass_fds=(take, give), **quiet
    )
    os.close(take)
    os.close(give)
    try:
        yield Page(commands, answers)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        os.close(commands)
        os.close(answers)
