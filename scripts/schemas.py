"""Writes the JSON Schemas of netmon's JSON, and the tables of keys in docs/json.md: python scripts/schemas.py

Which keys an object has stands in a table here. What a key means is the docstring of the attribute of that name in the
stub of the native core, so there is one text for both.
"""

import ast
import json
from pathlib import Path

import diff_schema

ROOT = Path(__file__).parents[1]
STUB = ROOT / "python" / "netmon" / "_core.pyi"
FOLDER = ROOT / "python" / "netmon" / "schema"
PAGE = ROOT / "docs" / "json.md"
DIFF_PAGE = ROOT / "docs" / "diff.md"
KEYS = "## Keys\n"
"""Where the tables begin on a page."""

VERSION = 1

KINDS = {
    "n": ({"type": "integer", "minimum": 0}, "count"),
    "int": ({"type": "integer"}, "integer"),
    "n?": ({"type": ["integer", "null"], "minimum": 0}, "count or null"),
    "text": ({"type": "string"}, "text"),
    "text?": ({"type": ["string", "null"]}, "text or null"),
    "flag": ({"type": "boolean"}, "`true` or `false`"),
    "texts": ({"type": "array", "items": {"type": "string"}}, "list of texts"),
    "time": ({"type": "string", "format": "date-time"}, "time"),
    "time?": ({"type": ["string", "null"], "format": "date-time"}, "time or null"),
    "s": ({"type": "number", "minimum": 0}, "seconds"),
    "s?": ({"type": ["number", "null"], "minimum": 0}, "seconds or null"),
    "status?": ({"type": ["integer", "null"], "minimum": 0, "maximum": 999}, "status or null"),
    "map": ({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}, "counts by name"),
    "buckets": ({"type": "array", "items": {"type": "integer", "minimum": 0}}, "list of counts"),
    "up": ({"enum": ["up", "new", "down"]}, "`up`, `new` or `down`"),
    "true": ({"const": True}, "`true`"),
    "stage": ({"enum": ["opening", "open", "closed", "reset", "refused"]}, "a state"),
    "version": ({"const": VERSION}, f"{VERSION}"),
}
"""Kind of a value -> its schema, and what it is in words."""

COUNTS = """hits:n requests:n responses:n errors:n methods:map statuses:map request_bytes:n response_bytes:n
    latency:Histogram duration:Histogram protocols:map grpc_statuses:map request_messages:n response_messages:n
    client_close_codes:map server_close_codes:map client_resets:map server_resets:map"""
RARE = COUNTS.split("protocols:map ")[1]
"""Keys that only rows of other protocols than HTTP/1 have."""

OBJECTS = {
    "Snapshot": f"""schema:version start:time end:time {COUNTS} hosts:Host* clients:Client* interfaces:Interface*
        tcp:Tcp capture:Capture server_names:ServerName* servers:Server* exchanges:Exchange* connections:Connection*
        subsets:Subset*? where:text?""",
    "Host": f"name:text addresses:texts {COUNTS} sections:Section* tcp:Tcp",
    "Section": f"path:text {COUNTS}",
    "Client": f"address:text {COUNTS}",
    "Interface": """name:text packets:n bytes:n http_packets:n http_bytes:n protocols:map tcp:Tcp state:up
        since:time? problem:text? removed:true?""",
    "Histogram": """count:n sum:s min:s? max:s? p50:s? p90:s? p95:s? p99:s? zero_count:n scale:int offset:int
        buckets:buckets""",
    "Tcp": """opened:n closed:n reset:n refused:n segments:n retransmitted:n duplicates:n out_of_order:n
        duplicate_acks:n zero_window:n client_handshake_rtt:Histogram server_handshake_rtt:Histogram
        client_rtt:Histogram server_rtt:Histogram""",
    "Capture": """received:n kernel_dropped:n interface_dropped:n unread:n undecodable:n truncated:n truncated_heads:n
        encapsulated:n copies:n gaps:n gap_bytes:n orphan_responses:n unanswered:n unknown_statuses:n parse_errors:n
        resyncs:n flows_evicted:n hosts_folded:n sections_folded:n hits_error:n clients_folded:n client_hits_error:n
        exchanges_dropped:n clock_steps:n flows:n open_connections:n histogram_halvings:n undecoded:map protocols:map
        ambiguous_framing:map goaways:map undecrypted:map""",
    "ServerName": "name:text connections:n",
    "Server": """name:text connections:n open_before:n named:n quic:n ech:n decrypted:n bytes_to_server:n
        bytes_to_client:n handshake_bytes:n undecrypted:map tls_versions:map cipher_suites:map round_trip:Histogram
        handshake:Histogram""",
    "Exchange": """ts:time client:text server:text interface:text host:text section:text path:text method:text
        status:status? request_bytes:n response_bytes:n latency:s? duration:s? connect:s? request_time:s? transfer:s?
        retransmitted:n protocol:text tls:flag stream:n? tls_handshake:s? queued:s? grpc_status:text?
        request_messages:n response_messages:n user_agent:text process:Process? client_process:Process?""",
    "Connection": """first_seen:time client:text server:text interface:text last_seen:time segments:n age:s opened:time?
        state:stage protocol:text host:text bytes_to_server:n bytes_to_client:n retransmitted:n requests:n rtt:s?
        local:text process:Process? client_process:Process? kernel_rtt:s? kernel_cwnd:n kernel_retransmits:n
        tls:flag streams:n open_streams:n undecrypted:text oldest_streams:Stream*""",
    "Stream": """id:n method:text host:text section:text path:text age:s request_bytes:n response_bytes:n
        request_messages:n response_messages:n protocol:text status:status?""",
    "Process": "name:text pid:n side:text container:text pod:text namespace:text",
    "Subset": "where:text per:text rows:SubsetRow*",
    "SubsetRow": f"name:text {COUNTS}",
}
"""Name of an object -> its keys in their order, each with its kind, or with the object that it is (`*`: a list)."""

OPTIONAL = {
    *(
        (name, key.split(":")[0])
        for name in ("Snapshot", "Host", "Section", "Client", "SubsetRow")
        for key in RARE.split()
    ),
    ("Snapshot", "subsets"),
    ("Snapshot", "where"),
    *(("Interface", key) for key in ("since", "problem", "removed")),
    *((name, key) for name in ("Exchange", "Connection") for key in ("process", "client_process")),
    *(("Connection", key) for key in ("local", "kernel_rtt", "kernel_cwnd", "kernel_retransmits", "oldest_streams")),
    *(("Process", key) for key in ("container", "pod", "namespace")),
}
"""Keys that an object may lack."""

WORDS = {
    ("Snapshot", "schema"): "Version of this schema. Raised when a key changes its meaning or is removed.",
    ("Snapshot", "start"): "Start of the interval, inclusive.",
    ("Snapshot", "end"): "End of the interval, exclusive.",
    (
        "Snapshot",
        "subsets",
    ): "Counts of the exchanges that the filters of alert rules admit. Left out if there are none.",
    ("Snapshot", "where"): "The filter of what is counted (`--where`). Left out without a filter.",
    ("Interface", "since"): "When it came up, if that was after the start of the capture. Left out otherwise.",
    (
        "Interface",
        "problem",
    ): "Why nothing is captured from it, although something should be. Left out if there is no problem.",
    ("Interface", "removed"): "It was removed, and nobody asked for it by name. Left out otherwise.",
    ("ServerName", "name"): "The name that clients sent (SNI).",
    ("ServerName", "connections"): "Number of connections.",
    **{("Histogram", f"p{at}"): f"The value at quantile 0.{at}, null if there is no value." for at in (50, 90, 95, 99)},
    ("Subset", "where"): "The filter.",
    ("Subset", "per"): "What a row stands for: empty for all, host, section, client, interface or process.",
    ("Subset", "rows"): "The rows, sorted by name.",
    ("SubsetRow", "name"): "The name of the row; empty for all exchanges.",
}
"""What keys mean that are no attribute of the Python object, or another kind of value there."""

ABOUT = {
    "ServerName": "Connections of TLS and QUIC to one server.",
    "Subset": "The exchanges that a filter admits.",
    "SubsetRow": "The counts of one row of a subset.",
}

FOUND = {"SubsetRow": "_Counts"}
"""The class of the stub that describes an object, if it has another name."""

TREE = {node.name: node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef)}


def paragraph(node):
    """The first paragraph of a docstring, on one line, without marks of this repository's docstrings."""
    return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].replace("``", "`").split()).replace("None", "null")


def meaning(name, key):
    """What a key of an object means."""
    if text := WORDS.get((name, key)):
        return text
    node = TREE[FOUND.get(name, name)]
    bases = [TREE[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in TREE]
    for each in (node, *bases):
        for member in each.body:
            if isinstance(member, ast.FunctionDef) and member.name == key:
                return paragraph(member)
    raise KeyError(f"{name}.{key} has no docstring")


def keys(name):
    """(key, kind) of each key of an object."""
    return [tuple(each.split(":")) for each in OBJECTS[name].split()]


def value(name, key, kind):
    if kind in KINDS and (name, key) not in OPTIONAL:
        return KINDS[kind][0]
    kind = kind.removesuffix("?")
    if kind in KINDS:
        return KINDS[kind][0]
    reference = {"$ref": f"#/$defs/{kind.removesuffix('*')}"}
    return {"type": "array", "items": reference} if kind.endswith("*") else reference


def about(name):
    return ABOUT.get(name) or paragraph(TREE[name])


def schema_of(name):
    """The schema of an object. Later versions of netmon may add keys without raising the version."""
    properties = {key: value(name, key, kind) | {"description": meaning(name, key)} for key, kind in keys(name)}
    required = [key for key, _ in keys(name) if (name, key) not in OPTIONAL]
    return {"type": "object", "description": about(name), "properties": properties, "required": required}


def document(name, title):
    """A whole schema, of all objects below one."""
    needed, found = [name], []
    while needed:
        each = needed.pop()
        if each not in found:
            found.append(each)
            needed += [
                kind.rstrip("?").rstrip("*") for _, kind in keys(each) if kind.rstrip("?").rstrip("*") in OBJECTS
            ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": f"#/$defs/{name}",
        "$defs": {each: schema_of(each) for each in OBJECTS if each in found},
    }


def in_words(name, key, kind):
    kind = kind.removesuffix("?") if (name, key) in OPTIONAL else kind
    if kind in KINDS:
        return KINDS[kind][1]
    bare = kind.removesuffix("*")
    return f"list of [{bare}](#{bare.lower()})" if kind.endswith("*") else f"[{bare}](#{bare.lower()})"


def tables():
    """A table of keys for each object."""
    for name in OBJECTS:
        yield f"### {name}\n\n{about(name)}\n\n| key | value | what it is |\n|---|---|---|\n"
        yield from (f"| `{key}` | {in_words(name, key, kind)} | {meaning(name, key)} |\n" for key, kind in keys(name))
        yield "\n"


def files():
    """The path of each file and its text."""
    schemas = {
        "snapshot.json": document("Snapshot", f"A snapshot as netmon writes it, version {VERSION}"),
        "exchange.json": document("Exchange", f"An exchange as netmon --requests writes it, version {VERSION}"),
    }
    schemas["diff.json"] = diff_schema.schema()
    made = {FOLDER / name: json.dumps(schema, indent=1) + "\n" for name, schema in schemas.items()}
    return made | {
        page: with_tables(page, rows) for page, rows in ((PAGE, tables()), (DIFF_PAGE, diff_schema.tables()))
    }


def with_tables(page, rows):
    """The text of a page with its tables of keys written anew."""
    return f"{page.read_text().split(KEYS)[0]}{KEYS}\n{''.join(rows)}".rstrip() + "\n"


def main():
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
