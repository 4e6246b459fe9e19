"""The settings. Flags, TOML keys, environment variables, help and keywords of `Monitor` are made from one table.

`Settings` holds the values with their types and limits; `OPTIONS` says how each is spelt and explained. A setting
``section_depth`` is ``--section-depth`` on the command line, ``section_depth`` in the file, ``NETMON_SECTION_DEPTH``
in the environment and the keyword ``section_depth`` of `netmon.run`. `CaptureSettings` names the settings that the
engine takes unchanged, with types for editors and type checkers. No other file defines a setting. Reads nothing,
decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict, cast

from netmon._core import BUFFER_BUDGET, DEFAULT_SNAPLEN, MAX_WORKERS
from netmon.address import PrometheusAddress, WebAddress
from netmon.values import ClientFrom, Duration, FileSize, Share, Size, Speed

if TYPE_CHECKING:
    from msgspec import Meta


class Settings(NamedTuple):
    """All settings with their defaults. `reading` checks values against the types and limits."""

    interfaces: tuple[str, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    netns: tuple[str, ...] = ()
    exit_on_down: bool = False
    read: tuple[str, ...] = ()
    keylog: tuple[str, ...] = ()
    speed: Speed | None = None
    filter: str | None = None
    where: str | None = None
    snaplen: Annotated[int, Meta(ge=1)] = DEFAULT_SNAPLEN
    buffer_size: Size | None = None
    promiscuous: bool = True
    decode_tunnels: bool = False
    count_copies: bool = False
    response_timeout: Duration = Duration(3600)
    workers: Annotated[int, Meta(ge=1, le=MAX_WORKERS)] | Literal["auto"] = "auto"
    timeout: Duration | None = None
    user: str | None = None

    interval: Duration = Duration(1)
    window: Duration = Duration(10)
    section_depth: Annotated[int, Meta(ge=1)] = 1
    client_from: ClientFrom | None = None
    trusted_proxies: Annotated[int, Meta(ge=1)] = 1
    client_ipv6_prefix: Annotated[int, Meta(ge=1, le=128)] = 128
    top: Annotated[int, Meta(ge=1)] = 10

    alert_threshold: Annotated[int, Meta(ge=1)] = 7000
    alert_span: Duration = Duration(120)
    alert_max_loss: Share = Share(0.05)
    alerts: tuple[str, ...] = ()
    state: str | None = None
    fail_on_alert: bool = False

    output: tuple[str, ...] = ()
    append: bool = False
    force: bool = False
    output_max_size: FileSize | None = None
    output_max_age: Duration | None = None
    output_files: Annotated[int, Meta(ge=1, le=1000)] = 5
    web: WebAddress | None = None
    web_hosts: tuple[str, ...] = ()
    prometheus: PrometheusAddress | None = None
    otlp: str | None = None
    write: str | None = None
    write_max_size: FileSize | None = None
    write_max_age: Duration | None = None
    write_files: Annotated[int, Meta(ge=0)] = 0
    evidence: str | None = None
    evidence_payload: bool = False
    evidence_size: Size = Size(32 << 20)
    evidence_files: Annotated[int, Meta(ge=1, le=10_000)] = 100
    evidence_max_size: FileSize = FileSize(1 << 30)
    otlp_interval: Duration | None = None
    otlp_temporality: Literal["auto", "cumulative", "delta"] = "auto"
    otlp_histogram: Literal["auto", "exponential", "explicit"] = "auto"
    metrics_hosts: Annotated[int, Meta(ge=1, le=10_000)] = 200
    format: Literal["auto", "plain", "ndjson", "json", "csv"] = "auto"
    once: bool = False
    requests: bool = False
    connections: bool = False
    user_agents: bool = False
    processes: bool = True
    redact: Literal["none", "all"] = "none"
    color: Literal["auto", "always", "never"] = "auto"
    theme: Literal["auto", "dark", "light", "palette", "none"] = "auto"
    ascii: bool = False
    quiet: bool = False
    verbose: Annotated[int, Meta(ge=0)] = 0

    log_file: str | None = None
    log_level: Literal["error", "warning", "info", "debug"] = "info"
    log_format: Literal["text", "json"] = "text"
    log_max_size: FileSize = FileSize(16 << 20)
    log_max_age: Duration | None = None
    log_files: Annotated[int, Meta(ge=1, le=1000)] = 5

    profile: str | None = None

    @property
    def prints(self) -> bool:
        """Whether standard output is for reports: of itself, or with ``quiet`` if they are asked for."""
        return self.write != "-" and (not self.quiet or self.format != "auto" or self.once or self.requests)

    @property
    def asks_for_packets(self) -> bool:
        """Whether a setting is about packets that are written or saved."""
        return any((self.write, self.write_max_size, self.write_max_age, self.write_files, self.evidence_payload))


FILLED = ("otlp", "write", "evidence", "state", "log_file", "user")
"""Settings whose flags need a value that is not empty, as a variable of a shell is that was not set."""

WAYS = {
    "plain": "the plain report on standard output, once per window",
    "ndjson": "one snapshot per line, as JSON",
    "json": "one JSON document at the end",
    "csv": "one line per section and interval, as CSV",
}
"""The formats of standard output that have a flag of their own, each with its help."""

DEFAULTS: dict[str, Any] = Settings()._asdict()


class CaptureSettings(TypedDict, total=False):
    """The settings that `Monitor` takes as keywords and passes to the engine unchanged."""

    exit_on_down: bool
    filter: str | None
    snaplen: int
    buffer_size: int | None
    promiscuous: bool
    decode_tunnels: bool
    count_copies: bool
    response_timeout: float
    workers: int | Literal["auto"]
    section_depth: int
    client_from: str | None
    trusted_proxies: int
    client_ipv6_prefix: int
    connections: bool
    user_agents: bool
    processes: bool
    redact: Literal["none", "all"]
    where: str | None


def capture_settings(settings: Settings) -> CaptureSettings:
    """The part of `settings` that the engine takes unchanged."""
    return cast("CaptureSettings", {name: getattr(settings, name) for name in CaptureSettings.__annotations__})


class Option(NamedTuple):
    """How one setting is spelt and explained: its group in the help, its flags, their metavar, and texts."""

    name: str
    group: str
    flags: str
    metavar: str
    help: str
    """What the flag does, for the help."""
    about: str = ""
    """What the setting means in a configuration file, if that differs: when its flag turns it off."""
    alone: str = ""
    """The value that the flag stands for without one; empty if it needs a value."""


CAPTURE, RIGHTS, COUNTING, ALERTS, OUTPUT, PACKETS, LOG = (
    "capture",
    "rights",
    "counting",
    "alerts",
    "output",
    "packets",
    "log",
)
CONFIGURATION = "configuration and more"

OPTIONS = (
    Option(
        "interfaces",
        CAPTURE,
        "-i --interface",
        "NAME",
        "interface to capture from, or a glob; repeatable; default: all",
    ),
    Option("exclude_interfaces", CAPTURE, "--exclude-interface", "GLOB", "interfaces not to capture from; repeatable"),
    Option("netns", CAPTURE, "--netns", "NAME|PID", "capture in this network namespace; self for netmon's; repeatable"),
    Option("exit_on_down", CAPTURE, "--exit-on-down", "", "end when an interface of -i, or the last one, goes down"),
    Option("read", CAPTURE, "-r --read", "FILE", "read packets from a file, - for stdin; repeatable, merged by time"),
    Option("keylog", CAPTURE, "--keylog", "FILE", "decrypt TLS with the secrets in this file, as it grows; repeatable"),
    Option("speed", CAPTURE, "--speed", "X", "play the file at X times real time: 1, 10, 0.5 or max"),
    Option("filter", CAPTURE, "-f --filter", "BPF", "capture only packets that match, as in tcpdump"),
    Option("snaplen", CAPTURE, "-s --snaplen", "BYTES", "bytes of each packet to look at"),
    Option(
        "buffer_size",
        CAPTURE,
        "-B --buffer-size",
        "SIZE",
        f"capture buffer of each interface, in KiB or as 16MiB; default: all share {BUFFER_BUDGET >> 20}MiB by traffic",
    ),
    Option(
        "promiscuous",
        CAPTURE,
        "-p --no-promiscuous",
        "",
        "only packets to and from this machine",
        "packets to and from other machines as well",
    ),
    Option("decode_tunnels", CAPTURE, "--decode-tunnels", "", "decode GRE, VXLAN, GTP-U and other tunnels"),
    Option(
        "count_copies",
        CAPTURE,
        "--count-copies",
        "",
        "count a connection again where NAT on this machine rewrote an address",
    ),
    Option(
        "response_timeout",
        CAPTURE,
        "--response-timeout",
        "DURATION",
        "how long to keep a silent connection that waits for a response",
    ),
    Option("workers", CAPTURE, "--workers", "N", "number of threads, or auto; counts do not depend on it"),
    Option("timeout", CAPTURE, "-t --timeout", "DURATION", "stop after this long: 200, 200s, 5m, 1h"),
    Option("user", RIGHTS, "--user", "NAME", "who to be once devices are open; default: who called sudo, or nobody"),
    Option(
        "where", COUNTING, "--where", "EXPR", "count and show only exchanges that match, such as host:api.* status:5xx"
    ),
    Option("interval", COUNTING, "--interval", "DURATION", "length of an interval; each gives one snapshot"),
    Option("window", COUNTING, "--window", "DURATION", "time that the screen and the report cover"),
    Option("section_depth", COUNTING, "--section-depth", "N", "path segments that make a section"),
    Option(
        "client_from",
        COUNTING,
        "--client-from",
        "NAME",
        "where a proxy names its client: X-Forwarded-For, Forwarded, X-Real-IP or PROXY",
    ),
    Option(
        "trusted_proxies",
        COUNTING,
        "--trusted-proxies",
        "N",
        "proxies to trust: the client is the Nth entry from the right",
    ),
    Option("client_ipv6_prefix", COUNTING, "--client-ipv6-prefix", "BITS", "count IPv6 clients by prefix, such as 64"),
    Option("top", COUNTING, "--top", "N", "number of hosts in the plain report"),
    Option("alert_threshold", ALERTS, "--alert-threshold", "HITS", "number of hits that fires an alert"),
    Option("alert_span", ALERTS, "--alert-span", "DURATION", "time in which these hits are counted"),
    Option(
        "alert_max_loss",
        ALERTS,
        "--alert-max-loss",
        "SHARE",
        "share of lost packets above which rules neither fire nor recover",
    ),
    Option("alerts", ALERTS, "--alerts", "FILE", "read alert rules from a TOML file; repeatable"),
    Option("state", ALERTS, "--state", "FILE", "keep what rules have learned in this file, across restarts"),
    Option("fail_on_alert", ALERTS, "--fail-on-alert", "", "exit with code 5 if an alert fired"),
    Option(
        "output",
        OUTPUT,
        "-o --output",
        "FILE",
        "also write to a file: .ndjson, .json, .csv, .parquet or .html; repeatable",
    ),
    Option("append", OUTPUT, "--append", "", "append to a file of -o that exists"),
    Option("force", OUTPUT, "--force", "", "replace a file of -o that exists"),
    Option("output_max_size", OUTPUT, "--output-max-size", "SIZE", "begin a new file before one of -o is larger"),
    Option("output_max_age", OUTPUT, "--output-max-age", "DURATION", "begin a new file of -o after this long: 1h, 1d"),
    Option("output_files", OUTPUT, "--output-files", "N", "files of each -o to keep, the newest included"),
    Option(
        "web",
        OUTPUT,
        "--web",
        "ADDR:PORT",
        f"serve a page that shows what happens, by default at {WebAddress.parse(True)}",
        alone="true",
    ),
    Option("web_hosts", OUTPUT, "--web-host", "NAME", "a name under which a proxy serves that page; repeatable"),
    Option(
        "prometheus",
        OUTPUT,
        "--prometheus",
        "ADDR:PORT",
        f"serve metrics for Prometheus, by default at {PrometheusAddress.parse(True)}",
        alone="true",
    ),
    Option("otlp", OUTPUT, "--otlp", "URL", "send metrics to an OpenTelemetry collector, over HTTP"),
    Option("otlp_interval", OUTPUT, "--otlp-interval", "DURATION", "send them this often; default: 60s"),
    Option(
        "otlp_temporality",
        OUTPUT,
        "--otlp-temporality",
        "NAME",
        "auto, cumulative, or delta: sums since the last export",
    ),
    Option("otlp_histogram", OUTPUT, "--otlp-histogram", "NAME", "auto, exponential, or explicit: with fixed buckets"),
    Option("metrics_hosts", OUTPUT, "--metrics-hosts", "N", "hosts with metrics of their own; later ones are ~other"),
    Option("format", OUTPUT, "--format", "NAME", "auto, plain, ndjson, json or csv on standard output"),
    Option("once", OUTPUT, "--once", "", "report one window, and exit"),
    Option("requests", OUTPUT, "--requests", "", "print one line per exchange instead, also in CSV files"),
    Option("connections", OUTPUT, "--connections", "", "list connections in JSON, at most 1,000 per interval"),
    Option("user_agents", OUTPUT, "--user-agents", "", "name the program that sent each request"),
    Option(
        "processes",
        OUTPUT,
        "--no-processes",
        "",
        "do not look for the processes at the ends of connections",
        "look for the processes of this machine at the ends of connections",
    ),
    Option("redact", OUTPUT, "--redact", "WHAT", "none, or all: leave out paths and user agents"),
    Option("color", OUTPUT, "--color", "WHEN", "auto, always or never"),
    Option(
        "theme",
        OUTPUT,
        "--theme",
        "NAME",
        "colours of the screen: auto, dark, light, none, or palette, the terminal's own",
    ),
    Option("ascii", OUTPUT, "--ascii", "", "draw without Unicode"),
    Option("quiet", OUTPUT, "-q --quiet", "", "no summary, no warnings, and no report that no other option asks for"),
    Option("verbose", OUTPUT, "-v --verbose", "", "print more messages on standard error; -vv prints all"),
    Option("write", PACKETS, "-w --write", "FILE", "write the packets of HTTP connections, or those with --where; -"),
    Option("write_max_size", PACKETS, "-C --write-max-size", "SIZE", "begin a new file of -w before one is larger"),
    Option("write_max_age", PACKETS, "-G --write-max-age", "DURATION", "begin a new file of -w after this long"),
    Option("write_files", PACKETS, "-W --write-files", "N", "files of -w to keep, the newest included; 0 for all"),
    Option("evidence", PACKETS, "--evidence", "DIR", "save the packets behind each alert that fires, without payload"),
    Option("evidence_payload", PACKETS, "--evidence-payload", "", "save them with payload: it may have secrets"),
    Option("evidence_size", PACKETS, "--evidence-size", "SIZE", "memory for the latest packets, in KiB or as 32MiB"),
    Option("evidence_files", PACKETS, "--evidence-files", "N", "files to keep in that folder; the oldest are removed"),
    Option("evidence_max_size", PACKETS, "--evidence-max-size", "SIZE", "bytes of all files in that folder"),
    Option("log_file", LOG, "--log-file", "FILE", "log events to a file, one line each; - for standard error"),
    Option("log_level", LOG, "--log-level", "LEVEL", "least level of an event to log: error, warning, info or debug"),
    Option("log_format", LOG, "--log-format", "NAME", "text or json"),
    Option(
        "log_max_size", LOG, "--log-max-size", "SIZE", "begin a new log file before one is larger, in KiB or as 16MiB"
    ),
    Option("log_max_age", LOG, "--log-max-age", "DURATION", "begin a new log file after this long, such as 1d"),
    Option("log_files", LOG, "--log-files", "N", "log files to keep, the newest included"),
    Option(
        "profile",
        CONFIGURATION,
        "--profile",
        "NAME",
        "use the settings of [profile.NAME] in the configuration file as well",
    ),
)
