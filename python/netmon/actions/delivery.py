"""What a response means for a message, when to try again, and how a message is signed.

Pure: status, times and random numbers go in. A message is delivered at least once: if a connection breaks before the
response is complete, the receiver may get the message again, with the same ``X-Netmon-Delivery``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from netmon.actions.spec import Limits

Verdict: TypeAlias = Literal["done", "retry", "failed"]

SIGNATURE = "X-Netmon-Signature"
DELIVERY = "X-Netmon-Delivery"

KEPT_METHOD = (307, 308)
"""Redirects after which a POST stays a POST, RFC 9110 section 15.4. No other is followed."""

RETRIED = (408, 425, 429)
"""Client errors that go away by themselves. All server errors, 5xx, are tried again as well."""

ASKING = (429, 503)
"""Statuses with which a receiver may say by ``Retry-After`` when to come again."""


class Outcome(NamedTuple):
    """How an action ended: `reason` says why it failed, `asked` how many seconds the receiver wants to be left alone.

    `output` is the end of what a command wrote, or the beginning of a response; both sanitized.
    """

    verdict: Verdict
    reason: str = ""
    asked: float = 0.0
    output: str = ""


def judged(status: int, phrase: str, retry_after: str, now: float, output: str = "") -> Outcome:
    """What a response with this status means; `now` is the time in seconds since 1970."""
    if 200 <= status < 300:
        return Outcome("done")
    reason = f"answers {status} {phrase}".rstrip()
    if status in KEPT_METHOD:
        return Outcome("failed", f"{reason} too often", output=output)
    if 300 <= status < 400:
        return Outcome("failed", f"{reason}, which would turn the POST into a GET", output=output)
    if status in RETRIED or status >= 500:
        asked = seconds_asked(retry_after, now) if status in ASKING else 0.0
        return Outcome("retry", reason, asked, output)
    return Outcome("failed", reason, output=output)


def seconds_asked(retry_after: str, now: float) -> float:
    """Seconds of a field ``Retry-After``, a number or a date; 0 if it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  hardly any receiver sends a date

    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return max(0.0, at - now)


def wait(attempt: int, asked: float, limits: Limits, chance: float) -> float:
    """Seconds to wait after the failed attempt number `attempt`, which is 1 for the first.

    Each wait is twice the one before, up to a limit. `chance`, from 0 to 1, takes up to half of it off, so that many
    senders do not come back at the same instant. A receiver that asks for more gets more, within its limit.
    """
    longest = min(limits.longest_wait, limits.first_wait * 2 ** min(attempt - 1, 32))
    return float(max(longest * (1 - chance / 2), min(asked, limits.longest_asked)))


def signature(secret: str, at: int, body: bytes) -> str:
    """The value of `SIGNATURE`: ``t=1767225600,v1=HEX``, the HMAC-SHA256 of the time, a dot, and the body.

    The time is part of what is signed, so a receiver can refuse a message that somebody recorded and sends again.
    """
    import hmac  # noqa: PLC0415  only rules with a secret need it

    digest = hmac.digest(secret.encode(), b"%d." % at + body, "sha256")
    return f"t={at},v1={digest.hex()}"
