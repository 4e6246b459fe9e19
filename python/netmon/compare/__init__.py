"""The comparison of two runs: what changed between them, and how certain that is.

    files -> inputs -> Course of each side -> rows -> tests -> Comparison -> words, text, document, page
                                                                         -> conditions of --fail-if

A `Course` is the snapshots of one side, as a bounded number of blocks of time. `rows` pairs the rows of both sides and
asks the tests of each. `inputs` reads, `command` writes; everything between them is pure.
"""
