"""Headless Chromium, driven through its debugging pipe: no port, and no package."""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
NEEDED = pytest.mark.skipif(PROGRAM is None, reason="needs chromium (Debian package chromium)")
PATIENCE_S = 60  # a page of ours is there in one second; a loaded machine takes several
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage "
    "--hide-scrollbars --remote-debugging-pipe"
)

TEXTS = {"Enter": "\r", " ": " "}
# Contrast of two colours: WCAG 2.2, "relative luminance" and success criterion 1.4.3. Chromium
# writes a mixed colour as color(srgb …), with parts of 0 to 1.
CONTRAST = """
(() => {
  const parts = (text) => {
    const numbers = text.match(/[\\d.]+(e-\\d+)?/g).map(Number);
    if (text.startsWith("color(")) return numbers;
    return numbers.map((each, at) => at < 3 ? each / 255 : each);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map(
      (each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [1, 1, 1];
  };
  let least = [99, ""];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
    if (!words || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const svg = element.closest("svg");
    const ink = light(parts(svg ? style.fill : style.color).slice(0, 3));
    const paper = light(behind(element));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 120)];
  }
  return least;
})()
"""
READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3, level AA
# What axe-core, once loaded, has against a page.
SERIOUS = """
axe.run().then((found) => found.violations
  .filter((each) => ["serious", "critical"].includes(each.impact))
  .map((each) => [each.id, each.nodes.map((node) => node.html.slice(0, 100))]))
"""
KEYS = {
    "ArrowRight": 39,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowDown": 40,
    "Enter": 13,
    "Tab": 9,
    "PageUp": 33,
    "PageDown": 34,
} | {
    " ": 32,
    "v": 86,
    "z": 90,
    "Delete": 46,
}


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

    def open(self, page, width=1280, height=900, scheme="light", *, phone=False):
        """Show a file, or what is at an address, and wait until it has loaded."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=phone)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media="", features=features)
        self.loaded = False
        self.ask("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not self.loaded:
            self._hear()

    def value(self, expression):
        """Return what a JavaScript expression is."""
        result = self.ask(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def wait(self, expression):
        """Wait until a JavaScript expression is true, and return what it is."""
        end = time.monotonic() + PATIENCE_S
        while not (found := self.value(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
        return found

    def choose(self, box, value):
        """Choose the option of that value in the select element of that id."""
        self.value(
            f"(() => {{ const box = document.getElementById('{box}'); box.value = '{value}';"
            "box.dispatchEvent(new Event('change')); })()"
        )

    def check_contrast(self):
        """Fail where a text that is seen does not stand out from what is behind it."""
        ratio, where = self.value(CONTRAST)
        assert ratio >= READABLE, where

    def check_width(self, width):
        """Fail where something is wider than the window."""
        assert self.value("document.documentElement.scrollWidth") == width

    def press(self, key, modifiers=0, commands=()):
        """Press a key, named as in KeyboardEvent.key; modifier 2 is Ctrl, and may be a command."""
        text = {"text": TEXTS[key]} if key in TEXTS else {}
        for kind in ("keyDown", "keyUp"):
            also = text if kind == "keyDown" else {}
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code={" ": "Space"}.get(key, key),
                windowsVirtualKeyCode=KEYS[key],
                modifiers=modifiers,
                commands=list(commands),
                **also,
            )

    def stroke(self, points):
        """Draw with the left button of the mouse; points are (x, y) in the window's pixels."""
        (x, y), *others = points
        self._mouse("mousePressed", x, y)
        for x, y in others:
            self._mouse("mouseMoved", x, y)
        self._mouse("mouseReleased", x, y)

    def touch(self, points):
        """Draw with a finger."""
        for kind, at in zip(("touchStart", *["touchMove"] * len(points)), points, strict=False):
            self.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": at[0], "y": at[1]}])
        self.ask("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def _mouse(self, kind, x, y):
        button = {"button": "left", "buttons": 1, "clickCount": 1}
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)

    def screenshot(self, *, whole=False):
        """Return a PNG of the window, or of the whole page."""
        return self._file("Page.captureScreenshot", captureBeyondViewport=whole)

    def pdf(self):
        """Return the page as it is printed."""
        return self._file("Page.printToPDF", printBackground=True)

    def browser(self, method, **parameters):
        """Send a command to the browser itself, and wait for its answer."""
        session, self.session = self.session, None
        try:
            return self.ask(method, **parameters)
        finally:
            self.session = session

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
