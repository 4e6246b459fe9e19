"""The screen. Only this package knows prompt_toolkit, and only `app` and `keys` of it do.

state    `View`: everything that decides what is drawn, one immutable value
columns  the columns of hosts and sections: how to show them, how to sort by them
canvas   lines of styled text: fitting, joining, gauges, sparklines
panels   (view, size) -> lines, one function per panel
layout   which panels at which size
keys     one table of keys, for the bindings and for the help page
app      the terminal: frames and keys in, a drawn view out
"""
