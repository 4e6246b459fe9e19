"""Tests and intervals of comparisons: published figures, limits, and how often intervals are wrong."""

import random
from math import comb, inf, isclose

import pytest
from fakes import histogram, snapshot
from netmon.compare import bounds, chance, spread
from netmon.compare.measured import Percentile, Rate, Share
from netmon.compare.spread import Spread
from traffic import poisson

Z = chance.deviations()


def close(*pairs, within=5e-5):
    return all(isclose(found, known, abs_tol=within) for found, known in pairs)


def exactly_at_least(x, n, p):
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(x, n + 1))


@pytest.mark.parametrize(("x", "n", "p"), [(0, 5, 0.3), (4, 4, 0.5), (7, 20, 0.3), (19, 20, 0.3), (30, 60, 0.5)])
def test_a_binomial_tail_is_the_sum_of_its_terms(x, n, p):
    assert isclose(chance.at_least(x, n, p), exactly_at_least(x, n, p), rel_tol=1e-9)
    assert isclose(chance.at_most(x, n, p) + chance.at_least(x + 1, n, p), 1, rel_tol=1e-9)


def test_tails_of_many_trials_agree_with_those_just_below_the_limit():
    below, above = (chance.at_least(n / 2 + 300, n, 0.5) for n in (chance.MANY, chance.MANY + 1))
    assert isclose(below, above, rel_tol=0.02)


def test_fisher_gives_the_figures_of_the_tea_and_of_larger_tables():
    assert isclose(chance.shares_differ((1, 4), (3, 4)), 2 * 17 / 70, rel_tol=1e-9)  # Fisher 1935: 3 of 4 cups
    table = sum(comb(12, k) * comb(12, 12 - k) for k in (11, 12)) / comb(24, 12)
    assert isclose(chance.shares_differ((1, 12), (11, 12)), 2 * table, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("before", "after"), [((3, 10), (3, 10)), ((0, 0), (3, 10)), ((0, 9), (0, 7)), ((9, 9), (7, 7))]
)
def test_fisher_finds_nothing_where_nothing_differs(before, after):
    assert chance.shares_differ(before, after) == 1.0


def test_fisher_is_the_same_for_both_sides_and_rounds_towards_no_change():
    assert chance.shares_differ((2, 90), (9, 80)) == chance.shares_differ((9, 80), (2, 90))
    assert chance.shares_differ((2.4, 90.2), (8.9, 80.9)) >= chance.shares_differ((3, 90), (8, 80)) * 0.999


@pytest.mark.parametrize(
    ("freedom", "critical"), [(1, 12.7062), (4, 2.7764), (10, 2.2281), (39, 2.0227), (None, 1.95996)]
)
def test_deviations_are_those_of_the_tables_of_student(freedom, critical):
    assert isclose(chance.deviations(freedom), critical, abs_tol=1e-4)


def test_a_chance_is_greater_where_the_variance_is_only_estimated():
    assert isclose(chance.with_estimated_spread(0.05, 10), chance.student(Z, 10), rel_tol=1e-9)
    assert chance.with_estimated_spread(1e-6, 20) > 1e-5
    assert chance.with_estimated_spread(0.03, None) == 0.03


def test_holm_believes_the_least_first_and_stops_at_the_first_it_does_not():
    assert (
        chance.believable([0.01, 0.04, 0.03, 0.005]) == 0.01
    )  # Holm 1979: 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2
    assert chance.believable([0.02, 0.9]) == 0.02
    assert chance.believable([0.03, 0.9]) == -inf
    assert chance.believable([]) == -inf


def test_wilson_gives_the_figures_of_newcombe():
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    for part, whole, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        found = bounds.wilson(part, whole, Z)
        assert close((found.low, low), (found.high, high))


def test_the_difference_of_shares_gives_the_figures_of_newcombe():
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    for part, whole, other, of, low, high in (
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (10, 10, 0, 20, 0.6791, 1.0),
    ):
        found = Share((other, part), (of, whole)).difference
        assert close((found.low, low), (found.high, high))


def test_the_ratio_of_rates_is_that_of_clopper_and_pearson():
    found = bounds.rate_ratio(10, 1, 20, 1, Z)
    share = [ratio / (1 + ratio) for ratio in found]
    assert close((chance.at_least(20, 30, share[0]), 0.025), (chance.at_most(20, 30, share[1]), 0.025))
    assert bounds.rate_ratio(0, 1, 5, 1, Z).high == inf
    assert bounds.rate_ratio(5, 1, 0, 1, Z).low == 0
    assert bounds.rate_ratio(0, 1, 0, 1, Z) == (0, inf)
    doubled = bounds.rate_ratio(10, 2, 20, 1, Z)
    assert close((doubled.low, 2 * found.low), (doubled.high, 2 * found.high))


@pytest.mark.parametrize(
    ("n", "q", "low", "high"),
    [(20, 0.5, 6, 15), (100, 0.5, 40, 61), (100, 0.95, 90, 100), (50, 0.99, 48, 51), (5, 0.5, 0, 6)],
)
def test_the_ranks_around_a_quantile_are_those_of_the_tables(n, q, low, high):
    """6 and 15 of 20, and 40 and 61 of 100, are the textbook ranks of a median. No value has a rank beyond n."""
    assert bounds.ranks(n, q, Z) == (low, high)


def test_ranks_of_many_values_agree_with_those_just_below_the_limit():
    for q in (0.5, 0.99):
        below, above = bounds.ranks(chance.MANY, q, Z), bounds.ranks(chance.MANY + 1, q, Z)
        assert all(abs(one - other) <= 2 for one, other in zip(below, above, strict=True))


def latencies(*seconds):
    """The histogram of some latencies, each (seconds, number of them)."""
    return sum(snapshot(latency=histogram(at=at, count=count)) for at, count in seconds).latency


def test_a_quantile_lies_between_the_edges_of_the_buckets_of_its_ranks():
    found = latencies((0.01, 30), (0.02, 40), (0.04, 30))
    low, high = bounds.quantile(found, 0.5, 1.0, Z)
    assert low < 0.02 <= high
    assert high / low <= 2 ** (1 / 16) + 1e-9
    wide = bounds.quantile(found, 0.5, 8.0, Z)
    assert wide.low <= 0.01
    assert 0.03 < wide.high < inf
    assert bounds.quantile(found, 0.99, 1.0, Z).high == inf, "a hundred values say nothing about what is above p99"


def among_others(seconds):
    """The histogram of 500 latencies that are alike, and of a few others."""
    return latencies((0.001, 5), (seconds, 500), (0.9, 5))


def test_a_percentile_that_moves_within_its_bucket_is_no_change():
    one, other = among_others(0.0200), among_others(0.0201)
    assert one.buckets == other.buckets
    found = Percentile((one, other), 0.5)
    assert found.chance == 1.0
    assert found.ratio.low < 1 < found.ratio.high


@pytest.mark.parametrize(("buckets", "is_certain"), [(0.5, False), (1, False), (3, True)])
def test_a_percentile_must_move_by_more_than_a_bucket_to_have_changed(buckets, is_certain):
    found = Percentile((among_others(0.0200), among_others(0.0200 * 2 ** (buckets / 16))), 0.5)
    assert (found.ratio.low > 1) == is_certain


def test_a_percentile_among_many_equal_values_is_still_tested():
    """p95 of both together is the greatest latency, above which there is nothing."""
    found = Percentile((latencies((0.020, 540), (0.038, 60)), latencies((0.030, 540), (0.057, 60))), 0.95)
    assert found.chance < 1e-9
    assert found.ratio.low > 1.3


def test_lost_packets_make_a_change_of_a_rate_less_certain():
    whole, lost = Rate((1000, 1100), (60, 60)), Rate((1000, 1100), (60, 60), unseen=(0.12, 0.0))
    assert whole.chance < 0.05 < lost.chance
    assert lost.ratio.low < 1 < whole.ratio.low
    assert close((lost.ratio.high, whole.ratio.high))
    fewer = Rate((1000, 880), (60, 60), unseen=(0.0, 0.12))
    assert fewer.chance > 0.05
    assert Rate((1000, 880), (60, 60), unseen=(0.12, 0.0)).chance < 0.05, (
        "a loss before does not excuse that there are fewer"
    )


def test_what_comes_in_groups_counts_as_groups():
    single, grouped = Share((10, 40), (1000, 1000)), Share((10, 40), (1000, 1000), Spread(10.0, 60.0))
    assert single.chance < 1e-4 < 0.05 < grouped.chance
    assert isclose(grouped.chance, chance.with_estimated_spread(Share((1, 4), (100, 100)).chance, 60.0))


def test_the_dispersion_of_independent_counts_is_one_and_that_of_groups_is_their_size():
    source = random.Random(4)
    alone = [(poisson(source, 50), 1.0) for _ in range(400)]
    assert 0.85 < spread.of_blocks(alone, is_share=False).dispersion < 1.15
    groups = [(6 * poisson(source, 8), 1.0) for _ in range(400)]
    assert 5 < spread.of_blocks(groups, is_share=False).dispersion < 7
    shares = [(6 * sum(source.random() < 0.1 for _ in range(20)), 120.0) for _ in range(400)]
    assert 5 < spread.of_blocks(shares, is_share=True).dispersion < 7


def test_a_dispersion_is_not_known_without_blocks_or_without_events():
    assert spread.of_blocks([(5, 1.0)] * 4, is_share=False) is None
    assert spread.of_blocks([(0, 1.0)] * 40, is_share=False) is None
    assert spread.of_blocks([(7, 7.0)] * 40, is_share=True) is None


def test_of_two_dispersions_the_lower_one_is_that_of_chance():
    low, high = Spread(2.0, 20.0), Spread(30.0, 10.0)
    assert spread.in_common(low, high, independent=True) == Spread(2.0, 30.0)
    assert spread.in_common(None, high, independent=True) == high
    assert spread.in_common(None, None, independent=True) == spread.INDEPENDENT
    assert spread.in_common(None, None, independent=False) is None
    assert spread.in_common(Spread(0.5, 20.0), high, independent=True) == spread.INDEPENDENT


@pytest.mark.parametrize("kind", ["rate", "share", "percentile"])
def test_intervals_cover_the_true_change_in_95_of_100_cases(kind):
    """Of 300 cases, the number that is covered has a standard deviation of less than 4."""
    source, covered, trials = random.Random(11), 0, 300
    for _ in range(trials):
        if kind == "rate":
            found, truth = Rate((poisson(source, 40), poisson(source, 80)), (10, 10)).ratio, 2.0
        elif kind == "share":
            parts = tuple(sum(source.random() < p for _ in range(150)) for p in (0.04, 0.10))
            found, truth = Share(parts, (150, 150)).difference, 0.06
        else:
            sides = [latencies(*((source.lognormvariate(m, 0.5), 1) for _ in range(120))) for m in (-4.0, -3.5)]
            found, truth = Percentile(tuple(sides), 0.5).ratio, 1.6487
        covered += found.low <= truth <= found.high
    assert covered >= 0.95 * trials - 8
