"""The screen. Only this package knows prompt_toolkit, and only `app` and `control` in it.

view      `View`: everything that decides what is drawn, one immutable value; pages, panels, places
columns   columns of figures: how to show them, how to sort by them
spec      `Spec`: the properties in which tables differ
specs     the `Spec` of each table: columns, names and trends
ranked    rows of a frame in a given order; the core ranks and pages them
rows      the rows that a table has in a view
plan      how the width of a table is divided
moves     the actions of keys: each makes a new view
keys      one table of keys, for the bindings, the help page and the last line
canvas    lines of styled text: fitting, joining, gauges, sparklines
themes    colours by role, and the characters to draw with
header, tables, about, timeline, absent, help   (view, size) -> lines
layout    which of these parts a screen of a given size shows, and where
export    a table as CSV
control   the interface to prompt_toolkit: drawing, keys and mouse
app       the application: takes frames and keys, draws the view
terminal  writes to a terminal without blocking
"""
