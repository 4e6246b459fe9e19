-- Requests, errors and the 95th percentile of the latency per host, within 2.2 %. All rows have scale 4, unless memory
-- was short; then group by latency_scale as well.
select
    host,
    any(requests) as requests,
    any(errors) as errors,
    arrayFirst((bucket, reached) -> reached >= 0.95 * total, buckets, arrayCumSum(numbers)) as bucket,
    exp2((bucket + 0.5) / exp2(4)) as p95
from
(
    select
        host,
        (sumMap([0], [requests])).2[1] as requests,
        (sumMap([0], [errors])).2[1] as errors,
        sumMap(arrayMap(i -> latency_offset + i - 1, arrayEnumerate(latency_buckets)), latency_buckets) as summed,
        summed.1 as buckets,
        summed.2 as numbers,
        arraySum(numbers) as total
    from netmon_hosts
    group by host
)
group by host, buckets, numbers, total
order by requests desc, host;
