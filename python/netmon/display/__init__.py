"""The screen. Only this package knows prompt_toolkit, and only `app` in it.

state    `View`: everything that decides what is drawn, one immutable value
columns  the columns of hosts and sections: how to show them, how to sort by them
canvas   lines of styled text: fitting, joining, gauges, sparklines
panels   (view, size) -> lines: what does not scroll
tables   (view, size) -> lines: hosts, sections, alerts
layout   which panels at which size
keys     one table of keys, for the bindings and for the help page
app      the terminal: frames and keys in, a drawn view out
"""
