-- Adds a file of NDJSON. With clickhouse-client, read it from standard input instead of file():
--   from input('start String, hosts Array(...)') ... format JSONEachRow
insert into netmon_hosts
select
    parseDateTime64BestEffort(start, 9, 'UTC'),
    'MACHINE',
    host.name,
    host.requests,
    host.responses,
    host.errors,
    host.request_bytes,
    host.response_bytes,
    host.latency.sum,
    host.latency.zero_count,
    host.latency.scale,
    host.latency.offset,
    host.latency.buckets
from file(
    'FILE',
    'JSONEachRow',
    'start String, hosts Array(Tuple(name String, requests UInt64, responses UInt64, errors UInt64, request_bytes UInt64,
     response_bytes UInt64, latency Tuple(sum Float64, zero_count UInt64, scale Int8, offset Int32, buckets Array(UInt64))))'
)
array join hosts as host
settings input_format_skip_unknown_fields = 1, input_format_json_ignore_unknown_keys_in_named_tuple = 1;
