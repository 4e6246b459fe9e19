"""The private network of a soak: nginx and netmon on one machine, and four machines around it, each on its own link.

client   c0 = s0   ordinary traffic
far      w0 = s1   a link that loses packets
enemy    h0 = s2   forged frames, and connections that misbehave
visitor  x* = v*   links that come and go
"""

import os
from contextlib import ExitStack, contextmanager

import namespaces

from soaking import lossy

SERVER, CLIENT = namespaces.SERVER, namespaces.CLIENT
NEAR, FAR = "10.79.0.1", "10.79.0.2"
FRONT, ENEMY = "10.80.0.1", "10.80.0.2"


class Site:
    """The namespaces, and the `weather` of the lossy link."""

    def __init__(self, name, closing):
        self.server, self.client, self.far, self.enemy, self.visitor = (
            self._made(name + letter, closing) for letter in "scfev"
        )
        self.weather = closing.enter_context(lossy.link(self.server, "s1", self.far, "w0"))
        self.join("s0", self.client, "c0")
        self.join("s2", self.enemy, "h0")
        for namespace, link, address in (
            (self.server, "s0", SERVER), (self.client, "c0", CLIENT),
            (self.server, "s1", NEAR), (self.far, "w0", FAR),
            (self.server, "s2", FRONT), (self.enemy, "h0", ENEMY),
        ):  # fmt: skip
            namespace.ip("addr", "add", f"{address}/24", "dev", link)
            namespace.ip("link", "set", link, "up")

    @staticmethod
    def _made(name, closing):
        namespace = namespaces.Namespace(name)
        closing.callback(namespace.delete)
        return namespace

    def join(self, link, other, other_link):
        """Joins the server and another namespace by a veth pair, whose ends are still down."""
        self.server.ip("link", "add", link, "type", "veth", "peer", "name", other_link, "netns", other.name)


@contextmanager
def built():
    with ExitStack() as closing:
        yield Site(f"soak{os.getpid()}", closing)
