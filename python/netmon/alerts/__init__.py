"""Alert rules: what is compared with which bound, what fired, and what recovered.

quantity    amounts as people write them: ``5%``, ``200ms``, ``10Mbit/s``
rule        `Rule`, checked when it is made
watch       the state of a rule for one row, and the `Alert`
sums        the values of rows over the span of each rule, added up by the core
trust       when counts may be believed
group       rules that look at the same value
policy      `AlertPolicy`: snapshots in, alerts out
"""

from netmon.alerts.policy import AlertPolicy, Gauge, Policy
from netmon.alerts.rule import Rule
from netmon.alerts.watch import Alert, Details

__all__ = ["Alert", "AlertPolicy", "Details", "Gauge", "Policy", "Rule"]
