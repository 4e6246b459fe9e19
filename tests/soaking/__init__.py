"""A soak: netmon captures mixed live traffic for an hour, and its memory, descriptors and counts are checked.

`run.soak` puts everything together. `site` is the private network, `lossy` a link that loses packets, `clients`,
`hostile` and `churn` send traffic, `watchers` look at netmon as its users do, `subject` is the netmon that is examined,
and `verdict` compares (pure). The long run is `make soak`; a short one is part of the tests.
"""
