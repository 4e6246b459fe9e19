"""A real Chromium without a window, driven over two pipes by its own protocol: no driver has to be installed."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 60.0
"""Seconds to wait for any answer; a busy machine is slow."""

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39, " ": 32}


class Browser:
    """One process of Chromium; `page` opens pages in it."""

    def __init__(self, folder):
        answers, commands = os.pipe(), os.pipe()
        self._in, self._out, self._number, self._rest, self.events = answers[0], commands[1], 0, b"", []
        flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --remote-debugging-pipe"
        command = [CHROMIUM, *flags.split(), f"--user-data-dir={folder}", "about:blank"]
        # Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (commands[0], answers[1])]
        moved = [(os.POSIX_SPAWN_DUP2, fd, at) for at, fd in enumerate(theirs, 3)]
        quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
        self._process = os.posix_spawn(CHROMIUM, command, os.environ, file_actions=[*moved, *quiet])
        for fd in (commands[0], answers[1], *theirs):
            os.close(fd)

    def call(self, method, session=None, **parameters):
        """Sends a command and returns its result; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _receive(self):
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            assert ready, "Chromium does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def page(self, url, **how):
        return Page(self, url, **how)

    def close(self):
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)


class Page:
    """A tab in a browser context of its own. `before` is a script that runs before those of the page."""

    def __init__(self, browser, url, *, width=1440, height=900, theme="light", scripts=True, before="", media=""):
        self._browser = browser
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.resize(width, height)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        if before:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        self.load(url)

    def call(self, method, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def load(self, url):
        loaded = {"method": "Page.loadEventFired", "sessionId": self._session}
        self._browser.events = [e for e in self._browser.events if not loaded.items() <= e.items()]
        self.call("Page.navigate", url=url)
        while not any(loaded.items() <= event.items() for event in self._browser.events):
            self._browser.events.append(self._browser._receive())

    def run(self, script):
        """The value of an expression."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key, *, shift=False):
        """Presses a key as a keyboard does."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        parameters = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 * shift}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **parameters)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        self.run(f"document.querySelector({selector!r}).click()")

    @property
    def complaints(self):
        """What the console shows: errors, refused resources and violations of the policy."""
        self.run("0")
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event["params"] for event in mine if event["method"] in kinds]

    @property
    def requests(self):
        """The addresses that the page asked for."""
        self.run("0")
        mine = [event for event in self._browser.events if event.get("sessionId") == self._session]
        return [e["params"]["request"]["url"] for e in mine if e["method"] == "Network.requestWillBeSent"]

    def picture(self, top=0, height=900, width=1440):
        """A part of the page as PNG."""
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])
