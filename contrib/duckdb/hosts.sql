-- Requests, errors and latencies per host, of NDJSON that netmon wrote:
--   duckdb -c "set variable files = 'all.ndjson'" -f hosts.sql
-- Percentiles are computed from the buckets of all intervals, so they are those of the whole time, within 2.2 %.
-- Bucket i of scale s holds values in (b^i, b^(i+1)] seconds, where b is 2^(2^-s). Scales are made equal by halving.
with intervals as (
    select unnest(hosts) as host
    from read_json(
        getvariable('files'),
        format = 'newline_delimited',
        maximum_object_size = 536870912,
        columns = {
            hosts: 'struct(name varchar, requests ubigint, responses ubigint, errors ubigint, response_bytes ubigint,
                    latency struct(zero_count ubigint, scale integer, "offset" integer, buckets ubigint[]))[]'
        }
    )
),
counts as (
    select
        host.name as host,
        sum(host.requests) as requests,
        sum(host.responses) as responses,
        sum(host.errors) as errors,
        sum(host.response_bytes) as response_bytes
    from intervals
    group by host.name
),
coarsest as (
    select min(host.latency.scale) as scale from intervals
),
values_of as (
    select
        host.name as host,
        unnest(host.latency.buckets) as number,
        host.latency."offset" + unnest(range(len(host.latency.buckets))) as bucket,
        host.latency.scale as scale
    from intervals
    union all
    select host.name, host.latency.zero_count, null, null from intervals
),
buckets as (
    select
        host,
        floor(bucket / 2 ** (values_of.scale - coarsest.scale)) as bucket,
        sum(number) as number
    from values_of, coarsest
    where number > 0
    group by all
),
reached as (
    select
        host,
        coalesce(2 ** ((bucket + 0.5) * 2 ** -coarsest.scale), 0) as seconds,
        sum(number) over (partition by host order by bucket nulls first) as until,
        sum(number) over (partition by host) as everything
    from buckets, coarsest
),
percentiles as (
    select
        host,
        min(seconds) filter (where until >= 0.50 * everything) as p50,
        min(seconds) filter (where until >= 0.95 * everything) as p95,
        min(seconds) filter (where until >= 0.99 * everything) as p99
    from reached
    group by host
)
select *
from counts
left join percentiles using (host)
order by requests desc, host;
