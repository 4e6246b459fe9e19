"""Interfaces that come and go: each is captured, carries a few conversations, and is removed."""

from itertools import count

import forge

from soaking.clients import Periodic

HOST, TALKS = "churn.example.test", 20
"""The host that is named on such interfaces, and how many conversations each of them carries."""
REST = 3.0
"""Seconds without such an interface, after each. A rule waits while an interface is gone, and then for its span."""


def conversations(turn):
    """Conversations that are like no earlier ones: netmon would take such for copies."""
    for each in range(TALKS):
        client = f"172.{16 + turn // 65536 % 16}.{turn // 256 % 256}.{turn % 256}"
        yield (
            forge.Conversation(2000 + each, 0, server="198.51.100.9", client=client)
            .ask(0, "GET", HOST, "/churn/x", 200)
            .close(0)
        )


class Churn(Periodic):
    """Each turn makes an interface, waits until it is captured, sends, and removes it.

    `came` counts interfaces, `sent` requests.
    """

    def __init__(self, site, subject):
        super().__init__(REST)
        self.came = self.sent = 0
        self._site, self._subject, self._numbers = site, subject, count()

    def turn(self):
        turn = next(self._numbers)
        name, peer = f"x{turn}", f"v{turn}"
        server, visitor = self._site.server, self._site.visitor
        self._site.join(name, visitor, peer)
        server.ip("link", "set", name, "up")
        visitor.ip("link", "set", peer, "up")
        try:
            self._subject.until_captured(name)
            visitor.play(peer, [frame for _, frame in forge.frames(*conversations(turn))])
            self.sent += TALKS
        finally:
            server.ip("link", "del", name)
        self.came += 1
        self._subject.until_gone(name)
