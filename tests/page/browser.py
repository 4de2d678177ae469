"""A headless Chromium, spoken to over a pipe: pages opened, keys pressed, scripts asked, pictures taken."""

import base64
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time

# Runs before the page's own script: what the page's policy has refused, and how the theme is asked for.
WATCH = """
window.violations = [];
addEventListener('securitypolicyviolation',
  (event) => window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Browser:
    def __init__(self, chromium):
        self.folder = tempfile.TemporaryDirectory(prefix="page-")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # High numbers, so that 3 and 4 are free for what Chromium expects there.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 50) for end in (to_read, from_write)]
        command = [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", "--hide-scrollbars",
            "--remote-debugging-pipe", "--user-data-dir=" + self.folder.name, "about:blank",
        ]
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "chromium", *command],
            pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for end in (to_read, from_write, *ends):
            os.close(end)
        self.to, self.source, self.buffer = to_write, from_read, b""
        self.last, self.events = 0, []
        target = self.call("Target.createTarget", url="about:blank", session=False)["targetId"]
        self.session = None
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True, session=False)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(domain + ".enable")
        self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    def close(self):
        try:
            self.call("Browser.close", session=False)
        except (OSError, RuntimeError):
            pass
        self.process.wait(timeout=20)
        self.folder.cleanup()

    def call(self, method, session=True, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive(120)
            if answer is None:
                raise RuntimeError(f"{method}: no answer")
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def receive(self, seconds):
        deadline = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.source], [], [], left)[0]:
                return None
            part = os.read(self.source, 1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)

    def media(self, media="", scheme="light"):
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path, hash=""):
        """Opens a page and waits until it is drawn; returns after how many milliseconds that was."""
        self.events.clear()
        # Another address alone would not load the page anew.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url="file://" + os.path.abspath(path) + hash)
        self.wait("document.documentElement?.dataset.ready", 60)
        return int(self.ask("document.documentElement.dataset.ready"))

    def ask(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, expression, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # A node as such would come back as an empty object.
            if self.ask(f"Boolean({expression})"):
                return
            time.sleep(0.02)
        raise AssertionError(f"this did not come true: {expression}")

    CODES = {"Enter": 13, "Escape": 27}

    def key(self, *keys, shift=False):
        for key in keys:
            event = {"key": key, "modifiers": 8 if shift else 0,
                     "windowsVirtualKeyCode": self.CODES.get(key, ord(key[0].upper()))}
            text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
            self.call("Input.dispatchKeyEvent", type="keyDown", **event, **text)
            self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path):
        time.sleep(0.3)
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def requests(self):
        """Every address that was asked for, but the pages themselves and pictures inside them."""
        self.ask("1")
        sent = (event for event in self.events if event["method"] == "Network.requestWillBeSent")
        addresses = (event["params"]["request"]["url"] for event in sent)
        return [one for one in addresses if not one.startswith(("file:", "data:", "about:", "blob:"))]

    def complaints(self):
        """What the browser itself has to say: errors, and what a policy refused."""
        self.ask("1")
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
            elif event["method"] == "Audits.issueAdded":
                if "Policy" in params["issue"]["code"]:
                    found.append(json.dumps(params["issue"]))
        return found + self.ask("window.violations")
