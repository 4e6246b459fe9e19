"""The page: a run as one document of data, and that document as HTML.

    frames -> Record -> data.document -> answer, charts, tables -> render -> HTML

`Record` takes every frame and keeps what is bounded: time points, alerts, the slowest requests. `data.document` turns
it into plain values, small enough for a browser. Everything but `render` is pure, and only `render` knows Jinja2. The
same document, templates and script serve a page that is written once and a page that is updated.
"""
