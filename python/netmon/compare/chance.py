"""How likely a difference is by chance: exact tests, and how many of them may be believed together. Pure.

Tests are two-sided: twice the smaller tail, which never is too small. Where counts are so large that sums of a
distribution would take long, the normal distribution stands in.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, erfc, exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIDENCE = 0.95
"""How certain a change is that is called certain."""

ALPHA = 1 - CONFIDENCE

MANY = 100_000.0
"""A count from which on the normal distribution is exact enough: tails then differ by less than a hundredth."""

WIDE = 10_000.0
"""A variance from which on the same holds for the hypergeometric distribution."""

_STEPS = 10_000
"""Terms of a continued fraction at most; it needs about the square root of the count."""

_TINY, _CLOSE = 1e-300, 1e-12


def normal_tail(z: float) -> float:
    """The probability that a normal variable is `z` or more standard deviations above its mean."""
    return erfc(z / sqrt(2)) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by the continued fraction of DLMF 8.17.22 <https://dlmf.nist.gov/8.17>.

    It is the probability that a variable with the beta distribution of `a` and `b` is at most `x`.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - beta_below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    product = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _off_zero(1 + term * d), _off_zero(1 + term / c)
            product *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return min(1.0, front * product)


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def at_least(x: float, n: float, share: float) -> float:
    """The probability of `x` or more successes in `n` trials, each with the probability `share`.

    `x` and `n` need not be whole: counts that are divided by a dispersion are not.
    """
    if x <= 0 or x > n:
        return float(x <= 0)
    if share <= 0 or share >= 1:
        return float(share >= 1)
    if n > MANY:
        return normal_tail((x - 0.5 - n * share) / sqrt(n * share * (1 - share)))
    return beta_below(share, x, n - x + 1)


def at_most(x: float, n: float, share: float) -> float:
    """The probability of `x` or fewer successes in `n` trials."""
    return at_least(n - x, n, 1 - share)


def shares_differ(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Fisher's exact test: how likely two shares differ as much if they are the same; each is (part, whole).

    What is not whole is rounded towards the other share, so that the result is not too small.
    """
    (part_before, before_n), (part_after, after_n) = before, after
    n, m = int(before_n), int(after_n)
    if not n or not m:
        return 1.0
    rises = part_after / after_n > part_before / before_n
    lesser, greater = ((part_before, n), (part_after, m)) if rises else ((part_after, m), (part_before, n))
    x, few = int(greater[0]), min(lesser[1], ceil(lesser[0]))
    return min(1.0, 2 * _hypergeometric_tail(x, x + few, greater[1], n + m))


def _hypergeometric_tail(x: int, marked: int, drawn: int, n: int) -> float:
    """The probability that of `drawn` out of `n` things, `marked` of which are marked, `x` or more are marked."""
    mean = drawn * marked / n
    if x <= mean:
        return 1.0
    variance = mean * (1 - marked / n) * (n - drawn) / max(1, n - 1)
    if variance > WIDE:
        return normal_tail((x - 0.5 - mean) / sqrt(variance))
    term = exp(_choose(marked, x) + _choose(n - marked, drawn - x) - _choose(n, drawn))
    total = 0.0
    for k in range(x, min(marked, drawn) + 1):
        total += term
        if term < total * _CLOSE:
            break
        term *= (marked - k) * (drawn - k) / ((k + 1) * (n - marked - drawn + k + 1))
    return min(1.0, total)


def _choose(n: int, k: int) -> float:
    """The logarithm of the number of ways to choose `k` of `n` things."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def student(t: float, freedom: float) -> float:
    """The probability that a variable of Student's distribution is `t` or more from zero, on either side."""
    return beta_below(freedom / (freedom + t * t), freedom / 2, 0.5) if t else 1.0


def with_estimated_spread(p: float, freedom: float | None) -> float:
    """The probability `p` of a test whose variance was estimated with `freedom` degrees of freedom; None: it is known.

    The same number of standard deviations is less certain where the deviation is only estimated.
    """
    if freedom is None or p >= 1:
        return p
    return student(-NormalDist().inv_cdf(max(p, _TINY) / 2), freedom)


@lru_cache(maxsize=256)
def deviations(freedom: float | None = None, confidence: float = CONFIDENCE) -> float:
    """How many standard deviations an interval reaches to each side."""
    if freedom is None:
        return NormalDist().inv_cdf((1 + confidence) / 2)
    low, high = 0.0, 1e4
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student(middle, freedom) > 1 - confidence else (low, middle)
    return high


def believable(chances: Sequence[float], alpha: float = ALPHA) -> float:
    """The greatest probability that may be believed among these tests, by the procedure of Holm (1979).

    That anything is believed although nothing has changed has at most the probability `alpha`, however many tests there
    are, and however they depend on each other. -inf if nothing may be believed.
    """
    ordered, bound = sorted(chances), -inf
    for at, p in enumerate(ordered):
        if p > alpha / (len(ordered) - at):
            break
        bound = p
    return bound
