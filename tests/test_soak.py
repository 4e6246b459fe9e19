"""Half a minute of the soak that `make soak` runs for an hour; and what its verdict is made of.

The soak needs the right to make network namespaces (root), and real servers and clients.
"""

import re

import namespaces
import pytest
from soaking import verdict
from soaking.hostile import ANSWERED, KINDS, frames
from soaking.lossy import LATE, Weather
from soaking.run import Limits, Load, soak
from soaking.subject import OURS, Sample
from soaking.verdict import Check
from soaking.watchers import samples

WHY_NOT = namespaces.why_not()
SHORT = Limits(warm_up=10, growth=None, private=250.0)


@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "available")
def test_in_half_a_minute_of_mixed_traffic_counts_are_those_of_the_generators_and_nothing_leaks():
    checks, taken = soak(0.4, SHORT, Load(near=80, far=20, forged=200, pulses=60, sample=1))
    wrong = [check for check in checks if not check.holds]
    assert not wrong, "\n".join(verdict.table(checks))
    assert taken[-1].at > SHORT.warm_up, "something was judged"
    assert len({check.what for check in checks}) == len(checks)


def took(*values):
    """A sample each ten seconds, with this much memory in MiB and as many descriptors."""
    return [Sample(10.0 * each, value, value, int(value), 5) for each, value in enumerate(values)]


def test_growth_is_that_of_the_lowest_samples_in_mib_per_hour():
    private, resident = verdict.growth(took(*(100 + 1.01 * each / 360 for each in range(361))), 1.0)
    assert private.found == "100.0 to 100.7 MiB, +1.01 MiB/h"
    assert not private.holds
    assert resident.wanted == "< 1 MiB/h"


def test_memory_that_is_given_back_has_not_grown():
    swings = [100 + each % 110 / 10 for each in range(420)]
    assert [check.found for check in verdict.growth(took(*swings), 1.0)] == ["100.0 to 100.0 MiB, +0.00 MiB/h"] * 2


def test_a_short_run_judges_no_slope():
    assert [check.holds for check in verdict.growth(took(1, 50, 100), None)] == [True, True]


@pytest.mark.parametrize(
    ("open_files", "holds"),
    [
        ((20, 24, 21, 20, 20, 24), True),
        ((20, 24, 21, 22, 23, 24), False),
        ((24, 23, 22, 21, 20, 24), True),
        ((20,), True),
        ((*[21] * 15, 20, *[21] * 30), True),
        ((*[21] * 15, 20, *[22] * 30), False),
    ],
)
def test_what_is_open_for_a_moment_is_no_leak_and_what_is_always_open_is(open_files, holds):
    assert verdict.not_grown("descriptors", took(*open_files), "descriptors").holds == holds


def test_counts_differ_if_any_row_does_and_the_first_is_told():
    found, wanted = {("a", 200): 2, ("b", 200): 3}, {("a", 200): 2, ("b", 404): 3}
    assert verdict.same_counts("x", found, found) == Check("x", "5 in 2 rows", "the same", True)
    assert verdict.same_counts("x", found, wanted).found == "2 rows differ: ('b', 200) 3, not 0"
    assert not verdict.same_counts("x", {}, {}).holds, "a comparison of nothing shows nothing"


def test_the_table_marks_what_fails_by_a_word_and_one_failure_fails_the_soak():
    checks = [verdict.equal("exit code", 0, 0), verdict.at_most("files", 4, 3)]
    assert verdict.table(checks) == ["ok    exit code  0  0", "FAIL  files      4  <= 3"]
    assert verdict.holds(checks[:1])
    assert not verdict.holds(checks)


def test_the_weather_of_the_lossy_link_loses_doubles_and_delays_a_share_and_invents_nothing():
    weather, arrived = Weather(), []
    for number in range(10_000):
        now = number / 1000
        arrived += [packet for _, packet in weather.due(now)]
        arrived += weather.pass_on(number, None, now)
    arrived += [packet for _, packet in weather.due(10 + LATE)]
    counts = weather.counts
    assert all(50 < counts[each] < 150 for each in ("lost", "doubled", "late"))
    assert len(arrived) == 10_000 - counts["lost"] + counts["doubled"]
    assert len(set(arrived)) == 10_000 - counts["lost"]
    assert arrived != sorted(arrived)


def test_no_forged_frame_names_an_ordinary_host_and_all_fit_a_link():
    made = frames()
    for _ in range(2000):
        for frame in next(made):
            assert OURS.encode() not in frame
            assert 14 <= len(frame) <= 1514


def test_many_hosts_are_invented_and_few_of_them_answer_so_that_histograms_are_soon_full():
    made, asked, answers = frames(), set(), set()
    for _ in range(len(KINDS) * 4 * ANSWERED):
        for frame in next(made):
            asked.update(re.findall(rb"Host: (h[0-9a-f]+\.invalid)", frame))
            answers.update(frame[30:34] for _ in re.finditer(rb"^HTTP/1.1 404 X", frame[54:]))
    assert len(asked) > 2 * 4 * ANSWERED - 10, "two of the kinds name a host of their own each time"
    assert len(answers) <= 2 * ANSWERED, "clients that get an answer"


def test_samples_of_metrics_are_read_with_and_without_labels():
    text = '# HELP a_total What.\na_total{x="1",b="2"} 3\nc 4.5\n'
    assert samples(text) == {("a_total", (("b", "2"), ("x", "1"))): 3, ("c", ()): 4.5}
