"""The screen. Only this package knows prompt_toolkit, and only `app` and `control` in it.

view      `View`: everything that decides what is drawn, one immutable value; pages, panels, places
columns   columns of figures: how to show them, how to sort by them
spec      all that may differ between tables, as fields
specs     which table has which columns, names and trends
ranked    rows of a frame in some order; the core ranks and pages them
rows      which rows a table has for a view
plan      how the width of a table is divided
moves     what keys do to a view
keys      one table of keys, for the bindings, the help page and the last line
canvas    lines of styled text: fitting, joining, gauges, sparklines
themes    colours by role, and the characters to draw with
header, tables, about, timeline, absent, help   (view, size) -> lines
layout    which of these at which size
export    a table as CSV
control   what prompt_toolkit draws, its keys and its mouse
app       the terminal: frames and keys in, a drawn view out
terminal  what goes to a terminal, without ever waiting for it
"""
