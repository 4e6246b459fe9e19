//! Which exchanges of an interval somebody would look at: the newest and the slowest. No more of them need be handed
//! on than a screen can keep.

use super::Snapshot;

impl Snapshot {
    /// Positions of the `newest` last exchanges and of the `slowest` slowest to be answered, each once, by time.
    pub fn remarkable(&self, newest: usize, slowest: usize) -> Vec<usize> {
        let count = self.exchanges.len();
        let first = count.saturating_sub(newest);
        let mut older: Vec<usize> = (0..first).filter(|&at| self.exchanges[at].latency.is_some()).collect();
        if older.len() > slowest && slowest > 0 {
            older.select_nth_unstable_by_key(slowest - 1, |&at| std::cmp::Reverse(self.exchanges[at].latency));
        }
        older.truncate(slowest);
        older.sort_unstable();
        older.extend(first..count);
        older
    }

    /// The same counts, without a row for each exchange.
    #[must_use]
    pub fn without_exchanges(&self) -> Self {
        let Self { span, counts, hosts, interfaces, tcp, capture, server_names, exchanges: _ } = self;
        Self {
            span: *span,
            counts: counts.clone(),
            hosts: hosts.clone(),
            interfaces: interfaces.clone(),
            tcp: tcp.clone(),
            capture: capture.clone(),
            server_names: server_names.clone(),
            exchanges: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Exchanges one second apart, with these latencies in milliseconds; 0 was never answered.
    fn of(latencies: &[u64]) -> Snapshot {
        let rows: Vec<String> = latencies.iter().enumerate().map(|(second, ms)| {
            let latency = if *ms == 0 { "null".to_owned() } else { format!("{:.3}", *ms as f64 / 1000.0) };
            format!(
                r#"{{"ts":"2026-11-22T12:00:{second:02}Z","client":"10.0.0.1:9","server":"10.0.0.2:80","interface":"lo","host":"h","section":"/","method":"GET","status":200,"request_bytes":1,"response_bytes":1,"latency":{latency},"duration":null}}"#
            )
        }).collect();
        Snapshot::from_json(format!(r#"{{"schema":1,"exchanges":[{}]}}"#, rows.join(",")).as_bytes()).unwrap()
    }

    #[test]
    fn the_newest_and_the_slowest_come_once_each_and_by_time() {
        let table: [(&[u64], usize, usize, &[usize]); 7] = [
            (&[], 2, 2, &[]),
            (&[5, 9, 1, 7, 2], 2, 0, &[3, 4]),
            (&[5, 9, 1, 7, 2], 0, 2, &[1, 3]),
            (&[5, 9, 1, 7, 2], 2, 2, &[0, 1, 3, 4]),
            (&[5, 9, 1, 7, 2], 9, 9, &[0, 1, 2, 3, 4]),
            (&[0, 9, 0, 7, 0], 0, 9, &[1, 3]),
            (&[3, 2, 1], 1, 1, &[0, 2]),
        ];
        for (latencies, newest, slowest, positions) in table {
            assert_eq!(of(latencies).remarkable(newest, slowest), positions, "{latencies:?} {newest} {slowest}");
        }
    }

    #[test]
    fn without_its_exchanges_a_snapshot_counts_the_same() {
        let snapshot = of(&[5, 9]);
        let bare = snapshot.without_exchanges();
        assert!(bare.exchanges.is_empty());
        assert_eq!(Snapshot { exchanges: snapshot.exchanges.clone(), ..bare }, snapshot);
    }
}
