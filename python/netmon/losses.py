"""What the capture missed, in plain words: the capture line of every output. Pure: numbers in, text out.

Only this module says "none lost", and only where every packet was received whole and decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.measures import lost_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netmon._core import Capture
    from netmon.frames import Tally

KINDS = 3
"""Kinds of packets named at most; more would hide the rest of the line."""

RED_SHARE = 0.001
"""Share of packets lost or not decoded above which the capture line turns red."""

MORE_BYTES = "capture with a larger -s"
TUNNELS = "see --decode-tunnels"
"""What to do about truncated packets, and about tunnels."""

_WORDS = (
    ("ethertype ", "with unknown EtherType "),
    ("ppp protocol ", "of unknown PPP protocol "),
    ("ip protocol ", "of unknown IP protocol "),
    ("link type ", "of unknown link type "),
    ("encrypted ", "encrypted by "),
    ("aggregated 802.11", "of aggregated 802.11 frames"),
    ("mpls payload", "of unknown MPLS payload"),
    ("~other", "of other kinds"),
)
"""How a kind of `Capture.undecoded` begins, and the words that replace this; other kinds follow the word "with"."""

_TUNNEL = "tunnel "


def text(tally: Tally, columns: int | None = None) -> str:
    """``48 210 packets, none lost``: the fullest wording that fits into `columns`."""
    ways = list(_ways(tally))
    return next((way for way in ways if columns is None or fmt.width(way) <= columns), ways[-1])


def line(tally: Tally) -> str:
    """The capture line in figures alone, for outputs that explain the figures below it."""
    counted = ", ".join((_packets(tally.packets), *(_figures(tally) or (_none_lost(tally),))))
    return "; ".join((*_problems(tally), counted))


def truncated(tally: Tally) -> str:
    """``96 packets and 12 heads``; empty when there were none."""
    if not tally.truncated:
        return ""
    heads = f" and {fmt.plural(tally.truncated_heads, 'head')}" if tally.truncated_heads else ""
    return fmt.plural(tally.truncated, "packet") + heads


def kinds(undecoded: Mapping[str, int], *, brief: bool = False) -> Iterator[str]:
    """``10 packets with unknown EtherType 0x8926``: a phrase for each kind of packet that was not decoded.

    A `brief` phrase leaves out the word "packets".
    """
    counted = fmt.count if brief else _packets
    inside = {kind.removeprefix(_TUNNEL): n for kind, n in undecoded.items() if kind.startswith(_TUNNEL)}
    others = [(kind, n) for kind, n in undecoded.items() if not kind.startswith(_TUNNEL)]
    for kind, packets in others[:KINDS]:
        yield f"{counted(packets)} {_words(kind)}"
    if len(others) > KINDS:
        yield f"{counted(sum(n for _, n in others[KINDS:]))} of {len(others) - KINDS} more kinds"
    if inside:
        yield f"{counted(sum(inside.values()))} in tunnels ({', '.join([*inside][:KINDS])}), {TUNNELS}"


def streams(capture: Capture) -> str:
    """``3 gaps in streams (12 kB), 1 request without a response``: what of the streams could not be followed; empty if
    there is nothing to say.
    """
    figures = (
        (capture.gaps, "gap", f"in streams ({fmt.scaled(capture.gap_bytes, 'B')})"),
        (capture.orphan_responses, "response", "without a request"),
        (capture.unanswered, "request", "without a response"),
        (capture.unknown_statuses, "response", "whose status is not known"),
        (capture.parse_errors, "stream", "that could not be read any further"),
        (capture.flows_evicted, "connection", "given up because the table was full"),
    )
    return ", ".join(f"{fmt.plural(n, noun)} {what}" for n, noun, what in figures if n)


def is_bad(tally: Tally) -> bool:
    """Whether an interface is missing, packets are truncated, or over `RED_SHARE` of them are lost or not decoded."""
    missed = tally.lost + sum(tally.undecoded.values())
    return bool(tally.problems) or tally.truncated > 0 or missed > RED_SHARE * (tally.packets + tally.lost)


def is_whole(tally: Tally) -> bool:
    """Whether nothing was missed, and no interface is missing or was found late."""
    return not (_figures(tally) or tally.late or tally.problems)


def worst(tally: Tally) -> str:
    """The first figure alone, where there is room for one: ``12 lost``; empty when nothing was missed."""
    return next(iter(_figures(tally)), "").partition(" (")[0]


def _ways(tally: Tally) -> Iterator[str]:
    ways = list(_counted(tally))
    for problem in _problems(tally):
        yield from (f"{problem}; {ways[0]}", f"{problem}; {ways[-1]}", problem)
    if tally.problems:
        ways = [f"{len(tally.problems)} not captured"]
    yield from ways


def _problems(tally: Tally) -> Iterator[str]:
    """``nothing from eth1: it is down``; nothing if all interfaces are captured from."""
    if not tally.problems:
        return
    name, reason = next(iter(tally.problems.items()))
    others = f", and {len(tally.problems) - 1} more" if len(tally.problems) > 1 else ""
    yield f"nothing from {fmt.source(name)}: {fmt.sanitize(reason)}{others}"


def _counted(tally: Tally) -> Iterator[str]:
    figures, packets = _figures(tally), _packets(tally.packets)
    if not figures:
        yield f"{packets}, {_none_lost(tally)}"
        if tally.late:
            yield f"{packets}, {_none_lost(tally, brief=True)}"
        return
    for brief in (False, True):
        phrases = list(_phrases(tally, brief=brief))
        yield ", ".join((packets, *phrases))
        yield ", ".join(phrases)
    yield ", ".join((packets, *figures))
    yield ", ".join(figures)
    yield figures[0]


def _phrases(tally: Tally, *, brief: bool) -> Iterator[str]:
    """Yields a phrase for everything that was missed, with its kind or with what to do about it."""
    if tally.lost:
        yield _lost(tally)
    if tally.truncated:
        yield f"{_cut(tally)}: raise -s" if brief else f"{truncated(tally)} truncated: {MORE_BYTES}"
    yield from kinds(tally.undecoded, brief=brief)


def _none_lost(tally: Tally, *, brief: bool = False) -> str:
    """``none lost``; with interfaces found late, says since when they are watched: earlier packets may be missing."""
    if not tally.late:
        return "none lost"
    name, since = list(tally.late.items())[-1]
    others = f", {len(tally.late) - 1} before it" if len(tally.late) > 1 else ""
    if brief:
        return f"none lost since {fmt.clock(since)}"
    return f"none lost while watched ({fmt.source(name)} since {fmt.clock(since)}{others})"


def _packets(count: int) -> str:
    return fmt.plural(count, "packet")


def _lost(tally: Tally) -> str:
    return f"{fmt.count(tally.lost)} lost ({fmt.percent(lost_ratio(tally.lost, tally.packets) or 0)})"


def _cut(tally: Tally) -> str:
    heads = f" ({fmt.plural(tally.truncated_heads, 'head')})" if tally.truncated_heads else ""
    return f"{fmt.count(tally.truncated)} truncated{heads}"


def _figures(tally: Tally) -> list[str]:
    """``12 lost (0.1 %)``, ``96 truncated (4 heads)``, ``10 not decoded``: the figures above 0."""
    undecoded = sum(tally.undecoded.values())
    figures = (
        (tally.lost, _lost),
        (tally.truncated, _cut),
        (undecoded, lambda _: f"{fmt.count(undecoded)} not decoded"),
    )
    return [said(tally) for missed, said in figures if missed]


def _words(kind: str) -> str:
    for start, words in _WORDS:
        if kind.startswith(start):
            return words + fmt.sanitize(kind.removeprefix(start))
    return f"with {fmt.sanitize(kind)}"
