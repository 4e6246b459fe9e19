"""``netmon --doctor``: what this machine offers netmon, what is in the way, and what to type about it.

`machine`, `network` and `trial` look (they are the only ones that touch the system) and give `facts`; `checks` judges
facts (pure) and gives a `Finding` each; `page` writes findings; `command` has the table of all checks.
"""
