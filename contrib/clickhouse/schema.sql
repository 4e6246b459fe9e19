-- One row per host and interval. `machine` tells whose file a row is of.
create table if not exists netmon_hosts
(
    start DateTime64(9, 'UTC'),
    machine LowCardinality(String),
    host LowCardinality(String),
    requests UInt64,
    responses UInt64,
    errors UInt64,
    request_bytes UInt64,
    response_bytes UInt64,
    latency_sum Float64,
    latency_zero_count UInt64,
    latency_scale Int8,
    latency_offset Int32,
    latency_buckets Array(UInt64)
)
engine = MergeTree
partition by toDate(start)
order by (host, machine, start);
