"""A real browser, driven through WebDriver over plain HTTP: Chromium and its driver as Debian packages them."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
MISSING = "no chromium and chromedriver on this machine; `make browser` installs Debian's"
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
CONTROL, SHIFT, TAB, ENTER, F8, END = "\ue009", "\ue008", "\ue004", "\ue007", "\ue038", "\ue010"
BACKSPACE, DELETE, LEFT = "\ue003", "\ue017", "\ue012"
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # as root it has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-proxy-server",
)


class Browser:
    """One window. Elements are found by CSS selector."""

    def __init__(self, driver: str, folder: Path) -> None:
        arguments = [*_ARGUMENTS, f"--user-data-dir={folder / 'profile'}"]
        wanted = {
            "goog:chromeOptions": {"args": arguments, "binary": BROWSER},
            "goog:loggingPrefs": {"browser": "ALL"},
            "unhandledPromptBehavior": "accept",
        }
        made = _call(f"{driver}/session", "POST", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"{driver}/session/{made['sessionId']}"

    def open(self, url: str) -> None:
        self._post("url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._get("url"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector: str) -> str:
        found = self._post("element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])

    def all(self, selector: str) -> list[str]:
        return [one[_ELEMENT] for one in self._post("elements", {"using": "css selector", "value": selector})]

    def click(self, selector: str) -> None:
        self._post(f"element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._post(f"element/{self.find(selector)}/value", {"text": text})

    def text(self, selector: str) -> str:
        return str(self._get(f"element/{self.find(selector)}/text"))

    def value(self, selector: str) -> str:
        return str(self._get(f"element/{self.find(selector)}/property/value"))

    def press(self, *keys: str) -> None:
        """Press keys together, wherever the focus is."""
        self._keys([("keyDown", one) for one in keys] + [("keyUp", one) for one in reversed(keys)])

    def strike(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        self._keys([(how, one) for one in keys for how in ("keyDown", "keyUp")])

    def until(self, true: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait; what cannot be answered while a page is being left counts as no."""
        end = time.monotonic() + seconds
        while True:
            try:
                if true():
                    return
            except Refusal:
                pass
            assert time.monotonic() < end, f"not within {seconds} s, at {self.url}"
            time.sleep(0.03)

    @contextmanager
    def dark(self) -> Iterator[None]:
        """As for somebody who prefers dark pages."""
        self._emulate("setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        yield
        self._emulate("setEmulatedMedia", {"features": []})

    @contextmanager
    def unscripted(self) -> Iterator[None]:
        """No script of any page runs."""
        self._emulate("setScriptExecutionDisabled", {"value": True})
        yield
        self._emulate("setScriptExecutionDisabled", {"value": False})

    def size(self, width: int, height: int) -> None:
        self._post("window/rect", {"width": width, "height": height})

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Save what is seen; `whole`: the page to its end."""
        before = self._get("window/rect")
        if whole:
            self.size(before["width"], self.run("return document.documentElement.scrollHeight") + 150)
        file.write_bytes(base64.b64decode(self._get("screenshot")))
        self.size(before["width"], before["height"])

    def complaints(self) -> list[str]:
        """Return what the browser had to say against the pages since it was last asked."""
        return [one["message"] for one in self._post("se/log", {"type": "browser"}) if one["level"] == "SEVERE"]

    def close(self) -> None:
        _call(self._session, "DELETE", None)

    def _keys(self, strokes: Sequence[tuple[str, str]]) -> None:
        actions = [{"type": how, "value": one} for how, one in strokes]
        self._post("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def _emulate(self, command: str, parameters: dict[str, Any]) -> None:
        self._post("goog/cdp/execute", {"cmd": f"Emulation.{command}", "params": parameters})

    def _get(self, path: str) -> Any:
        return _call(f"{self._session}/{path}", "GET", None)

    def _post(self, path: str, body: Any) -> Any:
        return _call(f"{self._session}/{path}", "POST", body)


class Refusal(Exception):
    """What the driver could not do."""


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start a browser with a profile of its own in `folder`, and close it."""
    assert DRIVER is not None
    process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        made = Browser(f"http://127.0.0.1:{_port(process)}", folder)
        try:
            yield made
        finally:
            made.close()
    finally:
        process.terminate()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


# ---------------------------------------------------------------------------------------------------------------------


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    said: Sequence[str] = []
    for line in process.stdout:
        found = re.search(r"started successfully on port (\d+)", line)
        if found:
            return int(found[1])
        said = [*said, line]
    raise AssertionError(f"chromedriver did not start: {''.join(said)}")


def _call(url: str, method: str, body: Any) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        with error:
            value = json.load(error)["value"]
        raise Refusal(f"{value['error']}: {value['message'].splitlines()[0]}") from None
