"""The screen. Only this package uses prompt_toolkit, and in it only `app`, `control` and `keyboard`.

view      `View`: everything that decides what is drawn, one immutable value; pages, panels, places
columns   columns of figures: how to show them, how to sort by them
spec      `Spec`: the properties in which tables differ
specs     the `Spec` of each table: columns, names and trends
ranked    rows of a frame in a given order; the core ranks and pages them
rows      the rows that a table has in a view
matching  the filter that the user types, for the rows of a frame
plan      how the width of a table is divided
moves     the actions of keys: each makes a new view
keys      one table of keys, for the bindings, the help page and the last line
canvas    lines of styled text: fitting, joining, gauges, sparklines
themes    colours by role, and the characters to draw with
header, tables, about, charts, timeline, absent, help   (view, size) -> lines
parts     the parts of the screen, and which of them a page shows, by importance
layout    where each part is on a screen of a given size
export    a table as CSV
control   the interface to prompt_toolkit: drawing, keys and mouse
app       the application: takes frames and keys, draws the view
terminal  writes to a terminal without blocking
keyboard  reads from a terminal, for prompt_toolkit
typed     parses the bytes of a terminal into keys
"""
