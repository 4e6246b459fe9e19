"""Snapshots for metrics, and readers of what is written: independent implementations of the formats."""

import math

from fakes import histogram, snapshot
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from netmon._core import METRICS_SUBSET

HOSTILE = 'a"b\\c.example'
"""A name with all that text formats escape and that a host may have."""

TCP = "opened closed reset refused segments retransmitted out_of_order duplicate_acks zero_window duplicates"
CAPTURE = """received kernel_dropped interface_dropped unread truncated truncated_heads copies gaps gap_bytes
orphan_responses unanswered unknown_statuses parse_errors resyncs flows_evicted hosts_folded sections_folded
clients_folded exchanges_dropped clock_steps flows open_connections"""
"""Fields of a snapshot that `whole` counts: the first 1, the second 2, and so on."""


def outcomes(rows):
    """The subset from which durations by method, status and host come: ``{"GET 200 a": (at, count)}``."""
    where, per = METRICS_SUBSET
    counted = [
        {"name": name, "requests": count, "duration": histogram(at=at, count=count)}
        for name, (at, count) in sorted(rows.items())
    ]
    return {"where": where, "per": per, "rows": counted}


def host(name, *, status=200, count=4, at=0.02):
    """A host with `count` exchanges of one kind."""
    times = histogram(at=at, count=count)
    return {
        "name": name,
        "requests": count,
        "responses": count,
        "methods": {"GET": count},
        "statuses": {str(status): count},
        "grpc_statuses": {"OK": count, "UNAVAILABLE": 1},
        "request_messages": 2 * count,
        "response_messages": 3 * count,
        "client_resets": {"CANCEL": 1},
        "request_bytes": 100 * count,
        "response_bytes": 1000 * count,
        "latency": times,
        "duration": times,
        "tcp": {
            "segments": 10 * count,
            "retransmitted": 1,
            "reset": 2,
            "client_rtt": histogram(at=0.001, count=2),
            "server_rtt": histogram(at=0.002, count=3),
        },
    }


def whole(start=0.0, hosts=(HOSTILE, "b.example:8080")):
    """An interval in which every counter counted something."""
    rtt = histogram(at=0.004, count=1)
    return snapshot(
        start,
        requests=4 * len(hosts),
        responses=4 * len(hosts),
        hosts=[host(name) for name in sorted(hosts)],
        interfaces=[{"name": "eth0", "state": "up", "packets": 9, "bytes": 900, "http_bytes": 800}],
        tcp={name: at for at, name in enumerate(TCP.split(), 1)}
        | dict.fromkeys(("client_handshake_rtt", "server_handshake_rtt", "client_rtt", "server_rtt"), rtt),
        capture={name: at for at, name in enumerate(CAPTURE.split(), 1)}
        | {"undecoded": {"tunnel vxlan": 5, "ethertype 0x8926": 2}, "protocols": {"http1": 3}}
        | {"ambiguous_framing": {"length": 1}, "goaways": {"NO_ERROR": 3}, "undecrypted": {"no_key": 6}},
        subsets=[outcomes({f"GET 200 {HOSTILE}": (0.02, 4), "POST 503 b.example:8080": (0.3, 4)})],
    )


_TYPES = {"string": 9, "double": 1, "uint64": 4, "sint32": 17, "uint32": 13, "sint64": 18, "int64": 3, "enum": 14}


def _client_model():
    """Prometheus' messages, as its documentation describes them, for the protobuf library."""
    schema = {
        "LabelPair": "1 name string, 2 value string",
        "Gauge": "1 value double",
        "Timestamp": "1 seconds int64, 2 nanos uint32",
        "Counter": "1 value double, 3 created_timestamp Timestamp",
        "BucketSpan": "1 offset sint32, 2 length uint32",
        "Bucket": "1 cumulative_count uint64, 2 upper_bound double",
        "Histogram": "1 sample_count uint64, 2 sample_sum double, *3 bucket Bucket, 15 created_timestamp Timestamp, "
        "5 schema sint32, 6 zero_threshold double, 7 zero_count uint64, *12 positive_span BucketSpan, "
        "*13 positive_delta sint64",
        "Metric": "*1 label LabelPair, 2 gauge Gauge, 3 counter Counter, 7 histogram Histogram",
        "MetricFamily": "1 name string, 2 help string, 3 type uint32, *4 metric Metric, 5 unit string",
    }
    file = FileDescriptorProto(name="client.proto", package="io.prometheus.client", syntax="proto3")
    for name, text in schema.items():
        message = file.message_type.add(name=name)
        for line in text.split(", "):
            number, field, kind = line.removeprefix("*").split()
            made = message.field.add(name=field, number=int(number), label=3 if line.startswith("*") else 1)
            if kind in _TYPES:
                made.type = _TYPES[kind]
            else:
                made.type, made.type_name = 11, f".io.prometheus.client.{kind}"
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("io.prometheus.client.MetricFamily"))


def families(data):
    """Delimited `MetricFamily` messages, by name."""
    kind = _client_model()
    found = {}
    while data:
        length = shift = at = 0
        while True:
            byte = data[at]
            length |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        message = kind.FromString(data[at : at + length])
        found[message.name] = message
        data = data[at + length :]
    return found


def quantile(message, q):
    """The quantile of a native histogram: the upper edge of its bucket in seconds."""
    base = 2 ** (2**-message.schema)
    deltas, at, count, seen = iter(message.positive_delta), 0, 0, message.zero_count
    for span in message.positive_span:
        at += span.offset
        for _ in range(span.length):
            count += next(deltas)
            seen += count
            if seen >= math.ceil(q * message.sample_count):
                return base**at
            at += 1
    raise AssertionError("the counts of the buckets are less than the count")
