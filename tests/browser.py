"""Chromium without a window, driven through a pipe: enough of its DevTools protocol to use a page as a reader does.

A page that cannot be opened, a message on its console and a request to any network are failures of their own.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

PATIENCE = 120  # seconds
# Deque's axe-core, from npm: npm install axe-core, in this folder or above, or AXE_CORE says where the file is.
_PLACES = [os.environ.get("AXE_CORE", ""), *(f"{folder}/node_modules/axe-core/axe.min.js" for folder in ("tests", "."))]
AXE = next((Path(place) for place in _PLACES if place and Path(place).exists()), None)
PROGRAM = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)


class Browser:
    """A browser with one page; what went wrong on it so far is in `complaints`."""

    def __init__(self, width=1400, height=900):
        self.profile = tempfile.mkdtemp(prefix="scalargrad-test-")
        read, child_write = os.pipe()
        child_read, write = os.pipe()
        options = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking"
        options += f" --user-data-dir={self.profile}"
        # The program reads from descriptor 3 and writes to 4.
        command = f"exec {PROGRAM} --remote-debugging-pipe {options} about:blank 3<&{child_read} 4>&{child_write}"
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            pass_fds=(child_read, child_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_read)
        os.close(child_write)
        self.reader, self.writer = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self.ids, self.events, self.complaints, self.buffer = count(1), [], [], b""
        self.session = None
        (target,) = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def call(self, method, **parameters):
        number = next(self.ids)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _receive(self):
        while b"\0" not in self.buffer:
            if not select.select([self.reader], [], [], PATIENCE)[0]:
                raise RuntimeError(f"the browser has said nothing for {PATIENCE} seconds")
            chunk = os.read(self.reader.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError("the browser has ended")
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        answer = json.loads(message)
        event, parameters = answer.get("method", ""), answer.get("params", {})
        if event == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"].get("exception", {}).get("description", event))
        elif event in ("Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(parameters))
        elif event == "Network.requestWillBeSent" and not parameters["request"]["url"].startswith(("file:", "data:")):
            self.complaints.append(parameters["request"]["url"])
        self.events.append(event)
        return answer

    def open(self, path, fragment=""):
        # By way of an empty page: a change of the fragment alone would load nothing.
        for url in ("about:blank", path.resolve().as_uri() + fragment):
            self.events.clear()
            self.call("Page.navigate", url=url)
            while "Page.loadEventFired" not in self.events:
                self._receive()

    def run(self, script):
        """The value of a JavaScript expression."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")

    def until(self, condition):
        """Wait until a JavaScript expression is true; a browser that stays silent is a failure of its own."""
        self.run(
            f"new Promise((done) => {{ const look = () => ({condition}) ? done() : setTimeout(look, 10); look(); }})"
        )

    def text(self, selector):
        return self.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def violations(self):
        """What axe-core finds against WCAG 2.2, level AA, and good practice, with the places."""
        self.call("Runtime.evaluate", expression=AXE.read_text(encoding="utf-8"))
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        # Cards are spoken of in words, not by the signs that stand on them: that is what the rule left out is against.
        rules = {"label-content-name-mismatch": {"enabled": False}}
        found = self.run(f"axe.run(document, {{ runOnly: {json.dumps(tags)}, rules: {json.dumps(rules)} }})")
        return [(rule["id"], rule["nodes"][0]["target"]) for rule in found["violations"]]

    def press(self, key, text=""):
        code = {" ": "Space"}.get(key, key)
        virtual = {
            "ArrowLeft": 37,
            "ArrowRight": 39,
            "ArrowUp": 38,
            "ArrowDown": 40,
            "Enter": 13,
            " ": 32,
            "Tab": 9,
            "Home": 36,
            "End": 35,
            "Escape": 27,
        }[key]
        text = {"Enter": "\r", " ": " "}.get(key, text)
        common = {"key": key, "code": code, "windowsVirtualKeyCode": virtual}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector):
        """Click in the middle of an element, with the mouse."""
        script = f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center", inline: "center"}});
            const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"""
        x, y = self.run(script)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, **features):
        """Set media features, such as prefers_color_scheme="dark"."""
        chosen = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=chosen)

    def picture(self):
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def paper(self):
        return base64.b64decode(self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (RuntimeError, OSError):
            self.process.kill()
        self.process.wait()
        self.reader.close()
        self.writer.close()
        shutil.rmtree(self.profile, ignore_errors=True)
