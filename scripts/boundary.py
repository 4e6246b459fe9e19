"""Measures what snapshots cost between Rust and Python: ``PYTHONPATH=python python scripts/boundary.py``.

Needs a release build. The snapshots have 10,000 hosts and 100,000 sections with one exchange each, as after a flood of
invented names. Times are the best of five, in milliseconds of processor time of the calling thread.
"""

import json
import time

from netmon._core import Snapshot, Window

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
    """Milliseconds of the fastest of five runs; the result of `work` is freed after the measurement."""
    times = []
    for _ in range(5):
        given = prepare()
        begun = time.thread_time()
        result = work(given) if given is not None else work()
        times.append(time.thread_time() - begun)
        del result, given
        time.sleep(0.1)
    return min(times) * 1000


def main():
    begun = time.thread_time()
    one = snapshot(0, -80)
    print(f"{'made from JSON':<32}{(time.thread_time() - begun) * 1000:9.2f} ms")
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
    holders = [[Snapshot.merge([one, again])] for _ in range(5)]
    print(f"{'dropped':<32}{best(lambda holder: holder.clear(), holders.pop):9.2f} ms")
    for by in ("hits", "p99", "name"):
        rank = best(lambda by=by: one.ranked(by).page(0, 30))
        print(f"{'30 hosts by ' + by:<32}{rank:9.2f} ms")
    print(f"{'30 of all sections by p99':<32}{best(lambda: one.top_sections(30, 'p99')):9.2f} ms")
    ranking = one.ranked("p99", matching="!nobody")
    print(f"{'position by p99':<32}{best(lambda: ranking.position('host05000.example')):9.2f} ms")
    print(f"{'point':<32}{best(one.point):9.2f} ms")
    for rows, path in (("same rows", "/section"), ("fresh sections", "/{}-")):
        window, times = Window(10.0), []
        for at in range(22):
            newest = snapshot(at, -80, path=path.format(at))
            begun = time.thread_time()
            window.push(newest)
            times.append((time.thread_time() - begun) * 1000)
        print(f"{'window of 10, ' + rows:<32}{sum(times[11:]) / 11:9.2f} ms a push, at most {max(times[11:]):.2f} ms")


if __name__ == "__main__":
    main()
