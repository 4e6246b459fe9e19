"""Views to draw in tests and documents, what they look like as text, and keys pressed on them."""

from dataclasses import dataclass
from functools import cache

import scene
from fakes import snapshot
from netmon import Rule
from netmon.display import moves
from netmon.display.keys import KEYS, TYPING
from netmon.display.themes import ASCII
from netmon.display.view import View
from netmon.frames import Frames

ACTIONS = {name: key.action for key in KEYS for name in key.names} | {"p": lambda view: view.paused()}
WHILE_TYPING = {name: key.action for key in TYPING for name in key.names}


def text(lines):
    return ["".join(part for _, part in line).rstrip() for line in lines]


def view_of(frames, keys=(), **fields):
    view = View(**fields)
    for frame in frames:
        view = view.with_frame(frame)
    return pressed(view, keys)


def pressed(view, keys):
    """The view after these keys, named as in prompt_toolkit. Takes only keys whose action needs just a view."""
    for key in keys:
        if view.is_ordering:
            view = moves.ordered(view, key)
        elif not view.is_typing:
            view = ACTIONS[key](view)
        elif key in WHILE_TYPING:
            view = WHILE_TYPING[key](view)
        else:
            view = moves.with_text(view, key)
    return view


@dataclass(eq=False)
class Exchange:
    """An exchange with a value in every field."""

    ts: float = scene.NOON + 25.05
    client: str = "10.0.0.7:50025"
    server: str = "10.1.0.2:80"
    interface: str = "eth0"
    host: str = "shop.example"
    section: str = "/checkout"
    path: str = "/checkout/orders/4711"
    method: str = "POST"
    status: int | None = 503
    request_bytes: int = 1_300
    response_bytes: int = 48_000
    connect: float | None = 0.021
    request_time: float | None = 0.034
    latency: float | None = 0.31
    transfer: float | None = 0.088
    duration: float | None = 0.432
    retransmitted: int = 3
    user_agent: str = "Firefox"
    process: object = None
    client_process: object = None
    protocol: str = "http1"
    tls: bool = False
    stream: int | None = None
    tls_handshake: float | None = None
    queued: float | None = None
    grpc_status: str | None = None
    request_messages: int = 0
    response_messages: int = 0


def with_exchange(view):
    """The view with an exchange that has all figures in place of the selected one."""
    return view._replace(place=view.place._replace(exchange=Exchange()))


QUIET = Frames(10.0, [Rule()]).push(snapshot(scene.NOON, interfaces=[{"name": "eth0", "state": "up"}]))
SEALED = Frames(10.0, [Rule()]).push(
    snapshot(
        scene.NOON,
        interfaces=[
            {
                "name": "eth0",
                "packets": 1204,
                "bytes": 97_000,
                "protocols": {"tls": 81_000, "ssh": 9_000},
                "state": "up",
            }
        ],
        server_names=[{"name": "shop.example", "connections": 21}, {"name": "api.example", "connections": 9}],
        capture={"received": 1204, "protocols": {"tls": 30, "other": 8}},
    )
)


@cache
def busy(seconds=28, **how):
    return tuple(scene.frames(seconds, **how))


def at(*keys, seconds=28, **fields):
    return cache(lambda: view_of(busy(seconds), keys, **fields))


VIEWS = {
    "hosts": at(),
    "sections": at("2"),
    "interfaces": at("3"),
    "connections": at("4"),
    "requests": at("5"),
    "alerts": at("6", seconds=50),
    "clients": at("7"),
    "servers": at("8"),
}
"""Each view, with the frames of a storm."""

INSIDE = {
    "interface": at("3", "enter"),
    "host": at("enter"),
    "client": at("7", "enter"),
    "connection": at("4", "/", *"10.0.0.7:50000", "enter", "enter"),
    "section": at("2", "enter"),
    "request": at("2", "j", "j", "j", "enter", "enter"),
}
"""What Enter opens in the views."""

STATES = {
    "calm": at(seconds=15),
    "lossy": cache(lambda: view_of(busy(28, lost=3))),
    "truncated": cache(lambda: view_of(scene.frames(28, missed={"truncated": 90, "truncated_heads": 11}))),
    "undecoded": cache(lambda: view_of(scene.frames(28, missed={"undecoded": {"ethertype 0x8926": 10}}))),
    "acknowledged": at("a"),
    "filter": at("/", *"shop"),
    "filtered": at("2", "/", *"!shop", "enter"),
    "within": at("enter", "/", *"c", "enter"),
    "nothing": at("/", *"zebra", "enter"),
    "off": at("3", "i"),
    "paused": at("p"),
    "notice": at(notice="warning: eth1: the interface is gone"),
    "help": at("?"),
    "ascii": at(glyphs=ASCII),
    "start": View,
    "silence": cache(lambda: view_of([QUIET])),
    "sealed": cache(lambda: view_of([SEALED])),
}
"""States that a view may be in."""

SCENES = VIEWS | INSIDE | STATES
