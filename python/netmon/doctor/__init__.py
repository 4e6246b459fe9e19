"""``netmon --doctor``: what this machine offers netmon, what is in the way, and what to type about it.

`machine`, `rights`, `network` and `trial` look, and nothing else touches the system. They give `facts`; `checks` judges
facts (pure) and gives a `Finding` each; `page` writes findings; `command` has the table of all checks.
"""
