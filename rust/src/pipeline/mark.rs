//! A mark: what is known of an exchange that has ended, as bytes. Marks lie among the packets that are kept for alerts,
//! and tell which connections an alert is about.

use std::net::Ipv6Addr;

use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::filter::{Facts, Outcome, Party};

/// Stands for a number that is not known.
const UNKNOWN: u64 = u64::MAX;

/// Stands for a text that is not known.
const NO_TEXT: u16 = u16::MAX;

/// An exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// What filters can look at.
    pub facts: Facts<'a>,
    /// The name of the row of its client.
    pub row_of_client: &'a str,
}

impl<'a> Mark<'a> {
    /// Appends the mark to `to`.
    pub fn write(&self, to: &mut Vec<u8>) {
        let begin = to.len();
        to.extend([0; 4]);
        let Facts { host, section, path, method, interface, user_agent, client, server, outcome, .. } = self.facts;
        let Facts { process, client_process, container, pod, namespace, protocol, .. } = self.facts;
        let names = [host, section, path, method, interface, user_agent];
        let processes = [process, client_process, container, pod, namespace, protocol];
        for text in names.into_iter().chain(processes).chain([Some(self.row_of_client.as_bytes())]) {
            let text = text.map(|text| &text[..text.len().min(usize::from(NO_TEXT) - 1)]);
            to.extend(text.map_or(NO_TEXT, |text| text.len() as u16).to_le_bytes());
            to.extend(text.unwrap_or_default());
        }
        for party in [client, server] {
            let end = match party {
                Some(Party::End(end)) => end,
                _ => Endpoint { address: party.and_then(Party::address).unwrap_or(Ipv6Addr::UNSPECIFIED), port: 0 },
            };
            to.extend(end.address.octets());
            to.extend(end.port.to_le_bytes());
        }
        let Outcome { status, latency, duration, request_bytes, response_bytes, grpc, is_tls } =
            outcome.unwrap_or_default();
        let (status, grpc) = (status.map(u64::from), grpc.map(|status| status.number().into()));
        for number in [status, latency, duration, Some(request_bytes), Some(response_bytes), grpc, Some(is_tls.into())]
        {
            to.extend(number.unwrap_or(UNKNOWN).to_le_bytes());
        }
        let length = (to.len() - begin - 4) as u32;
        to[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Takes the first mark off `bytes`; `None` if there is no whole one.
    pub fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let length = u32::from_le_bytes(*bytes.split_first_chunk()?.0) as usize;
        let (mut rest, behind) = bytes.get(4..)?.split_at_checked(length)?;
        let (mut facts, mut row) = (Facts::default(), None);
        for text in [
            &mut facts.host,
            &mut facts.section,
            &mut facts.path,
            &mut facts.method,
            &mut facts.interface,
            &mut facts.user_agent,
            &mut facts.process,
            &mut facts.client_process,
            &mut facts.container,
            &mut facts.pod,
            &mut facts.namespace,
            &mut facts.protocol,
            &mut row,
        ] {
            let length = u16::from_le_bytes(take(&mut rest)?);
            if length != NO_TEXT {
                let (read, behind) = rest.split_at_checked(usize::from(length))?;
                (*text, rest) = (Some(read), behind);
            }
        }
        let mut end = || {
            let address = Ipv6Addr::from(take::<16>(&mut rest)?);
            Some(Endpoint { address, port: u16::from_le_bytes(take(&mut rest)?) })
        };
        let (client, server) = (end()?, end()?);
        let mut number =
            || Some(u64::from_le_bytes(take(&mut rest)?)).map(|number| Some(number).filter(|&n| n != UNKNOWN));
        let (status, latency, duration) = (number()?, number()?, number()?);
        let (request_bytes, response_bytes) = (number()?.unwrap_or(0), number()?.unwrap_or(0));
        let (grpc, is_tls) = (number()?, number()? == Some(1));
        let grpc = grpc.and_then(|number| GrpcStatus::from_number(number.try_into().ok()?));
        let status = status.map(|status| status as u16);
        *bytes = behind;
        (facts.client, facts.server) = (Some(Party::End(client)), Some(Party::End(server)));
        facts.outcome = Some(Outcome { status, latency, duration, request_bytes, response_bytes, grpc, is_tls });
        Some(Self { facts, row_of_client: str::from_utf8(row.unwrap_or_default()).unwrap_or_default() })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (read, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*read)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mark_is_read_as_it_was_written(
            host: Vec<u8>,
            path: Option<Vec<u8>>,
            status: Option<u16>,
            latency in proptest::option::of(0..u64::MAX),
            row: String,
        ) {
            let end = Endpoint { address: Ipv6Addr::LOCALHOST, port: 80 };
            let grpc = status.and_then(|number| GrpcStatus::from_number((number % 20) as u8));
            let outcome = Outcome { status, latency, request_bytes: 7, response_bytes: 9, grpc, is_tls: true, ..Outcome::default() };
            let facts = Facts {
                host: Some(&host),
                path: path.as_deref(),
                client: Some(Party::End(end)),
                server: Some(Party::Named("192.0.2.1")),
                outcome: Some(outcome),
                ..Facts::default()
            };
            let mut bytes = Vec::new();
            Mark { facts, row_of_client: &row }.write(&mut bytes);
            Mark { facts, row_of_client: "" }.write(&mut bytes);
            let mut rest = &bytes[..];
            let read = Mark::read(&mut rest).unwrap();
            prop_assert_eq!((read.facts.host, read.facts.path, read.facts.section), (Some(&host[..]), path.as_deref(), None));
            prop_assert_eq!(read.row_of_client, row);
            prop_assert_eq!(read.facts.client.unwrap().address(), Some(Ipv6Addr::LOCALHOST));
            prop_assert_eq!(read.facts.server.unwrap().address(), Some("::ffff:192.0.2.1".parse().unwrap()));
            let told = read.facts.outcome.unwrap();
            prop_assert_eq!((told.status, told.latency, told.duration, told.request_bytes), (status, latency, None, 7));
            prop_assert_eq!((told.grpc, told.is_tls), (grpc, true));
            prop_assert!(Mark::read(&mut rest).is_some() && rest.is_empty() && Mark::read(&mut rest).is_none());
        }

        #[test]
        fn no_bytes_make_reading_a_mark_panic(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while Mark::read(&mut rest).is_some() {}
        }
    }
}
