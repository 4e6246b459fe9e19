"""What the way of snapshots from Rust to Python costs: ``PYTHONPATH=python python scripts/boundary.py``, release build.

Snapshots of 10,000 hosts and 100,000 sections, each section with one exchange, as in a flood of names. Times are the
best of five, in milliseconds, of the calling thread.
"""

import json
import time

from netmon._core import Snapshot

HOSTS, SECTIONS = 10_000, 10


def counts(exchanges, bucket):
    seconds = 2 ** (bucket / 16)
    times = {"sum": exchanges * seconds, "min": seconds, "max": seconds, "offset": bucket, "buckets": [exchanges]}
    tables = {"methods": {"GET": exchanges}, "statuses": {"200": exchanges}}
    sums = {"requests": exchanges, "responses": exchanges, "request_bytes": 300, "response_bytes": 5000}
    return {**sums, **tables, "latency": times, "duration": times}


def snapshot(start, bucket, host="host", path="/section"):
    rows = [
        {
            "name": f"{host}{h:05}.example",
            "sections": [{"path": f"{path}{s}", **counts(1, bucket + h % 50)} for s in range(SECTIONS)],
            **counts(SECTIONS, bucket + h % 50),
        }
        for h in range(HOSTS)
    ]
    at = [f"2026-11-22T12:00:{second:02}Z" for second in (start, start + 1)]
    return Snapshot.from_json(json.dumps({"schema": 1, "start": at[0], "end": at[1], "hosts": rows}))


def best(work, prepare=lambda: None):
    """Milliseconds of the fastest of five; what `work` gives is freed outside the time."""
    times = []
    for _ in range(5):
        given = prepare()
        begun = time.perf_counter()
        result = work(given) if given is not None else work()
        times.append(time.perf_counter() - begun)
        del result, given
        time.sleep(0.1)
    return min(times) * 1000


def main():
    begun = time.perf_counter()
    one = snapshot(0, -80)
    print(f"{'made from JSON':<32}{(time.perf_counter() - begun) * 1000:9.2f} ms")
    again, other_hosts, other_sections = (
        snapshot(1, -77),
        snapshot(1, -77, host="other"),
        snapshot(1, -77, path="/other"),
    )
    table = {
        "merge, same rows": lambda: Snapshot.merge([one, again]),
        "merge, other hosts": lambda: Snapshot.merge([one, other_hosts]),
        "merge, other sections": lambda: Snapshot.merge([one, other_sections]),
        "folded to 1000 hosts": lambda: one.folded(1000, 10),
        "to_json": one.to_json,
        "top(30)": lambda: one.top(30),
    }
    for name, work in table.items():
        print(f"{name:<32}{best(work):9.2f} ms")
    dropped = best(lambda holder: holder.clear(), lambda: [Snapshot.merge([one, again])])
    print(f"{'dropped':<32}{dropped:9.2f} ms")
    ranked = best(lambda: sorted(one.hosts, key=lambda host: host.latency.quantile(0.99) or -1.0)[:30])
    print(f"{'30 by p99, all rows in Python':<32}{ranked:9.2f} ms")


if __name__ == "__main__":
    main()
