"""The terminal: frames and keys go in, the view they make is drawn, at most ten times a second.

One window with one control, which draws what `layout.screen` gives for the view of the moment. Waits for nothing and
knows nothing of captures; however it ends, the terminal is as it was.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout import Layout, Window
from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from netmon.display.keys import KEYS, LEAP, Action, Key
from netmon.display.layout import screen
from netmon.display.state import View
from netmon.display.style import COLORS, NO_COLORS
from netmon.frames import Frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.output import Output

    from netmon.display.terminal import Terminal
    from netmon.playback import Moment
    from netmon.player import Player

ESCAPE_WAIT = 0.05
"""Seconds until Esc is known to be no beginning of another key; the default of half a second is felt."""

REDRAW = 0.1
"""Seconds between two drawings at the least."""


class Display:
    """The screen. `stop` may be called from anywhere, signal handlers included.

    With `stays`, the end of the capture leaves the screen up until a key quits.
    """

    def __init__(
        self,
        *,
        color: bool = True,
        plain_glyphs: bool = False,
        stays: bool = False,
        player: Player | None = None,
        input: Input | None = None,  # noqa: A002  prompt_toolkit's word
        output: Output | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        self.view = View(plain_glyphs=plain_glyphs)
        self._stays = stays
        self.player = player
        self._is_stopped = False
        self._failure: BaseException | None = None
        self._terminal = terminal
        self._app = _Application(
            terminal,
            layout=Layout(Window(_Canvas(self), always_hide_cursor=True)),
            key_bindings=_bindings(self),
            style=Style.from_dict(COLORS if color else NO_COLORS),
            color_depth=_depth(color),
            full_screen=True,
            min_redraw_interval=REDRAW,
            input=input,
            output=output or (_output(terminal) if terminal else None),
        )
        self._app.ttimeoutlen = self._app.timeoutlen = ESCAPE_WAIT

    def run(self, frames: AsyncIterator[Frame | Moment], close: Callable[[], None]) -> None:
        """Draws `frames` until `stop`, a key that quits, or their end.

        `close` is called when the screen is left; the frames that still come then are taken, and not drawn. Raises
        what taking or drawing them raised.
        """
        asyncio.run(self._run(frames, close))

    async def _run(self, frames: AsyncIterator[Frame | Moment], close: Callable[[], None]) -> None:
        asyncio.get_running_loop().set_exception_handler(self._fail)
        feed = asyncio.create_task(self._feed(frames))
        is_interrupted = False
        try:
            if not self._is_stopped:
                with suppress(EOFError), _signals(self.suspend):  # nobody types any more: the terminal is gone
                    await self._app.run_async(handle_sigint=False, set_exception_handler=False, pre_run=self._started)
        except KeyboardInterrupt:  # the second one: no frame is waited for
            is_interrupted = feed.cancel()
            raise
        finally:
            close()
            self._app.renderer.reset()
            if self._terminal is not None:
                self._terminal.close()
            await asyncio.gather(feed, return_exceptions=is_interrupted)
        if self._failure is not None:
            raise self._failure

    async def _feed(self, frames: AsyncIterator[Frame | Moment]) -> None:
        try:
            async for frame in frames:
                self.show(frame)
            self._end()
        except BaseException:
            self.stop()
            raise

    def show(self, shown: Frame | Moment) -> None:
        if isinstance(shown, Frame):
            self.change(lambda view: view.with_frame(shown))
        else:
            self.change(lambda view: view.with_moment(shown))

    def pause(self) -> None:
        """The file that is played stands still; of a live capture, the screen does."""
        if self.player is not None:
            self.player.toggle()
        else:
            self.change(lambda view: view.paused())

    def _end(self) -> None:
        if self._stays:
            self.change(lambda view: view.with_end())
        else:
            self.stop()

    def change(self, action: Action) -> None:
        self.view = action(self.view)
        self._app.invalidate()

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Calls back whenever the screen was drawn."""

        def drawn(_app: Application[None]) -> None:
            call()

        self._app.after_render += drawn

    def stop(self) -> None:
        self._is_stopped = True
        if self._app.loop is not None:
            self._app.loop.call_soon_threadsafe(self._leave)

    def suspend(self) -> None:
        """To the shell, which gets its terminal as it was; whoever continues the process gets the screen again."""

        def stop() -> None:
            if self._terminal is not None:
                self._terminal.drain()
            before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(0, signal.SIGTSTP)  # the whole job, as the terminal does it
            signal.signal(signal.SIGTSTP, before)

        if self._app.is_running and self._app.context is not None:
            self._app.context.copy().run(run_in_terminal, stop)

    def _started(self) -> None:
        if self._is_stopped:
            self._leave()

    def _leave(self) -> None:
        if self._app.is_running and self._app.future and not self._app.future.done():
            self._app.exit()

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Drawing failed: leave the screen first, then let the caller know."""
        self._failure = self._failure or context.get("exception") or RuntimeError(context["message"])
        self._leave()


class _Application(Application[None]):
    """Draws nothing while the terminal is behind; what there is then, once it is not."""

    def __init__(self, terminal: Terminal | None, **how: Any) -> None:
        super().__init__(**how)
        self._terminal = terminal
        if terminal is not None:
            terminal.on_ready = self.invalidate

    def _redraw(self, render_as_done: bool = False) -> None:
        if render_as_done or self._terminal is None or not self._terminal.is_behind:
            super()._redraw(render_as_done)


def _output(terminal: Terminal) -> Output:
    return Vt100_Output.from_pty(cast("TextIO", terminal), term=os.environ.get("TERM"))


@contextmanager
def _signals(suspend: Callable[[], None]) -> Iterator[None]:
    """Ctrl+Z may come as a signal too, from whoever it was typed to."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop.add_signal_handler(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTSTP)


class _Canvas(UIControl):
    """The whole screen as one control; prompt_toolkit asks it for lines."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def create_content(self, width: int, height: int) -> UIContent:
        lines = screen(self._display.view, width, height)
        return UIContent(get_line=lambda row: list(lines[row]), line_count=len(lines), show_cursor=False)

    def is_focusable(self) -> bool:
        return True


def _bindings(display: Display) -> KeyBindings:
    bindings = KeyBindings()
    for key in KEYS:
        for name in key.names:
            bindings.add(name, eager=True)(_handler(display, key))
    return bindings


def _handler(display: Display, key: Key) -> Any:
    named = {"quit": display.stop, "suspend": display.suspend, "pause": display.pause}
    if (player := display.player) is not None:
        named |= {"step": player.step, "rewind": player.rewind}
        named |= {"back": lambda: player.seek(-LEAP), "forward": lambda: player.seek(+LEAP)}

    def handle(_event: KeyPressEvent) -> None:
        if isinstance(key.action, str):
            named.get(key.action, lambda: None)()
        else:
            display.change(key.action)

    return handle


def _depth(color: bool) -> ColorDepth:
    if not color:
        return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_24_BIT if os.environ.get("COLORTERM") in ("truecolor", "24bit") else ColorDepth.DEPTH_8_BIT
