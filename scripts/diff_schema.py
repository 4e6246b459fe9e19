"""What ``netmon diff --json`` writes: the keys of each object, their kinds and meanings, as a schema and as tables."""

VERSION = 1

KINDS = {
    "n": ({"type": "integer", "minimum": 0}, "count"),
    "n?": ({"type": ["integer", "null"], "minimum": 0}, "count or null"),
    "number": ({"type": "number"}, "number"),
    "number?": ({"type": ["number", "null"]}, "number or null"),
    "text": ({"type": "string"}, "text"),
    "text?": ({"type": ["string", "null"]}, "text or null"),
    "texts": ({"type": "array", "items": {"type": "string"}}, "list of texts"),
    "time?": ({"type": ["string", "null"], "format": "date-time"}, "time or null"),
    "truth": ({"type": "boolean"}, "true or false"),
    "version": ({"const": VERSION}, f"{VERSION}"),
    "format": (
        {"enum": ["capture", "json", "parquet", "requests"]},
        "`capture`, `json`, `parquet` or `requests`",
    ),
    "outcome": ({"enum": ["failed", "passed", "unsure"]}, "`failed`, `passed` or `unsure`"),
    "per": ({"enum": ["all", "host", "section"]}, "`all`, `host` or `section`"),
    "form": ({"enum": ["rate", "share", "percentile"]}, "`rate`, `share` or `percentile`"),
    "unit": ({"enum": ["count", "ratio", "s", "B", "bit"]}, "`count`, `ratio`, `s`, `B` or `bit`"),
    "verdict": (
        {"enum": ["worse", "better", "changed", "appeared", "vanished"]},
        "`worse`, `better`, `changed`, `appeared` or `vanished`",
    ),
}
"""Kind of a value -> its schema, and what it is in words."""

OBJECTS = {
    "Comparison": (
        "Two runs, compared.",
        (
            ("schema", "version", "Version of this schema. Raised when a key changes its meaning or is removed."),
            ("answer", "text", "The most important change in a sentence, or that no change is certain."),
            ("confidence", "number", "How certain a change is that is called certain, and what intervals cover: 0.95."),
            ("notes", "texts", "What limits the comparison, as sentences: losses first."),
            ("before", "Side", "What BEFORE is."),
            ("after", "Side", "What AFTER is."),
            ("conditions", "Condition*", "The conditions of `--fail-if`, in their order, and what came of them."),
            ("compared", "n", "Number of figures that were compared."),
            ("certain", "n", "Number of those that changed for certain."),
            (
                "changes",
                "Finding*",
                "The certain changes, the most important first, single statuses last; with `--all`, all figures.",
            ),
            ("totals", "Finding*", "The figures of all traffic, certain or not."),
        ),
    ),
    "Side": (
        "One of the two runs.",
        (
            ("source", "text", "The path, folder or glob, as it was given."),
            ("format", "format", "What it is."),
            ("where", "text?", "The filter of what was counted; null if there is none, or if it is not known."),
            ("start", "time?", "Start of the first interval; null if there is none."),
            ("end", "time?", "End of the last interval."),
            ("seconds", "number", "The time between both, by which rates are made."),
            ("intervals", "n", "Number of snapshots; of tables, of intervals with requests."),
            ("section_depth", "n", "The greatest number of path segments of a section."),
            ("requests", "n", "Request heads."),
            ("responses", "n", "Response heads, interim (1xx) ones included."),
            ("errors", "n", "Responses with a status of 500 or above."),
            ("hosts", "n", "Number of hosts."),
            ("packets", "n?", "Packets that the capture delivered; null for tables, which do not say."),
            ("lost", "n?", "Packets that the capture lost."),
            ("lost_ratio", "number?", "Their share of all packets, from 0 to 1."),
        ),
    ),
    "Finding": (
        "One figure of one row, compared. Bounds are null where nothing bounds the value.",
        (
            ("per", "per", "What the row stands for."),
            ("host", "text?", "The host, as in a snapshot; null for all traffic."),
            ("path", "text?", "The path of a section; null for all others."),
            (
                "measure",
                "text",
                "The measure, as in alert rules. In `changes`, `status.404` is the share of all responses.",
            ),
            ("form", "form", "Rates are per second; shares are from 0 to 1; percentiles are seconds."),
            ("unit", "unit", "What is counted."),
            ("said", "text", "The change as a sentence, with counts."),
            ("certain", "truth", "Whether the change is certain when all figures of its level are judged together."),
            (
                "verdict",
                "verdict",
                "Whether the value after is worse, if the measure has a worse side. Says nothing if not `certain`.",
            ),
            ("before", "Value", "The value before."),
            ("after", "Value", "The value after."),
            ("difference", "number?", "The value after minus that before."),
            ("difference_low", "number?", "The lower bound of its 95 % interval."),
            ("difference_high", "number?", "The upper bound."),
            (
                "ratio",
                "number?",
                "The value after divided by that before; null if one is not known, or that before is 0.",
            ),
            ("ratio_low", "number?", "The lower bound of its 95 % interval."),
            ("ratio_high", "number?", "The upper bound."),
            (
                "chance",
                "number",
                "How likely a difference as great is if nothing has changed, for this figure by itself.",
            ),
            (
                "dispersion",
                "number",
                "How many times the variance of independent events both sides have in common; 1 if not needed.",
            ),
        ),
    ),
    "Value": (
        "A value on one side.",
        (
            ("value", "number?", "The rate, share or percentile; null if nothing was measured."),
            ("low", "number?", "The lower bound of its 95 % interval."),
            ("high", "number?", "The upper bound."),
            ("events", "number", "Events of a rate; the part of a share; values that a percentile is one of."),
            ("of", "number", "Seconds of a rate; the whole of a share; as `events` for a percentile."),
        ),
    ),
    "Condition": (
        "A condition of `--fail-if`.",
        (
            ("condition", "text", "The condition, as it was given."),
            ("verdict", "outcome", "`unsure`: the data are too few to tell."),
            ("said", "text", "What came of it, as a sentence."),
            ("rows", "n", "Number of rows that were judged."),
            (
                "findings",
                "Finding*",
                "The rows that fail, or that are unsure, the greatest change first. `status.*` are numbers here.",
            ),
        ),
    ),
}
"""Name of an object -> what it is, and its keys, each with its kind, or the object that it is (`*`: a list)."""


def schema():
    """The whole schema. Later versions of netmon may add keys without raising the version."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A comparison as netmon diff --json writes it, version {VERSION}",
        "$ref": "#/$defs/Comparison",
        "$defs": {name: _object(*each) for name, each in OBJECTS.items()},
    }


def _object(about, keys):
    return {
        "type": "object",
        "description": about,
        "properties": {key: _value(kind) | {"description": meaning} for key, kind, meaning in keys},
        "required": [key for key, _, _ in keys],
    }


def _value(kind):
    if kind in KINDS:
        return KINDS[kind][0]
    reference = {"$ref": f"#/$defs/{kind.removesuffix('*')}"}
    return {"type": "array", "items": reference} if kind.endswith("*") else reference


def tables():
    """A table of keys for each object."""
    for name, (about, keys) in OBJECTS.items():
        yield f"### {name}\n\n{about}\n\n| key | value | what it is |\n|---|---|---|\n"
        yield from (f"| `{key}` | {_in_words(kind)} | {meaning} |\n" for key, kind, meaning in keys)
        yield "\n"


def _in_words(kind):
    if kind in KINDS:
        return KINDS[kind][1]
    bare = kind.removesuffix("*")
    return f"list of [{bare}](#{bare.lower()})" if kind.endswith("*") else f"[{bare}](#{bare.lower()})"
