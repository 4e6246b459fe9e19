//! What a filter knows of the head of a request. A text that must be written before it can be compared is written when
//! a term asks for it.

use std::net::Ipv6Addr;

use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Request, Sides};
use crate::pipeline::filter::{Field, Known, Outcome, Party};
use crate::pipeline::name;

/// Texts of one request that no row has. Kept so that their memory is reused.
#[derive(Debug, Default)]
pub struct Scratch {
    path: Vec<u8>,
    has_path: bool,
    user_agent: Vec<u8>,
    has_user_agent: bool,
}

impl Scratch {
    fn path(&mut self, request: &Request<'_>) -> &[u8] {
        if !std::mem::replace(&mut self.has_path, true) {
            self.path.clear();
            let &Request { target, is_cut, host, .. } = request;
            name::path_into(&mut self.path, target, request.opens_tunnel(), host, is_cut);
        }
        &self.path
    }

    fn user_agent(&mut self, request: &Request<'_>) -> &[u8] {
        if !std::mem::replace(&mut self.has_user_agent, true) {
            self.user_agent.clear();
            if let Some(value) = request.fields.first(b"user-agent") {
                name::product_into(&mut self.user_agent, value);
            }
        }
        &self.user_agent
    }
}

/// The head of a request.
#[derive(Debug)]
pub struct Head<'a> {
    request: &'a Request<'a>,
    /// Host and section.
    names: (&'a [u8], &'a [u8]),
    interface: &'a [u8],
    client: Ipv6Addr,
    scratch: &'a mut Scratch,
}

impl<'a> Head<'a> {
    pub fn new(
        request: &'a Request<'a>,
        names: (&'a [u8], &'a [u8]),
        interface: &'a [u8],
        client: Ipv6Addr,
        scratch: &'a mut Scratch,
    ) -> Self {
        (scratch.has_path, scratch.has_user_agent) = (false, false);
        Self { request, names, interface, client, scratch }
    }
}

impl Known for Head<'_> {
    #[inline]
    fn text(&mut self, field: Field, mut look: impl FnMut(&[u8]) -> bool) -> Option<bool> {
        let text = match field {
            Field::Host => self.names.0,
            Field::Section => self.names.1,
            Field::Method => self.request.method.name().as_bytes(),
            Field::Protocol => self.request.protocol.name().as_bytes(),
            Field::Interface => self.interface,
            Field::Path => self.scratch.path(self.request),
            Field::UserAgent => self.scratch.user_agent(self.request),
            _ => return None,
        };
        Some(look(text))
    }

    #[inline]
    fn client(&mut self) -> Option<Party<'_>> {
        Some(party(&self.request.sides, self.client))
    }

    #[inline]
    fn server(&mut self) -> Option<Party<'_>> {
        Some(Party::End(self.request.sides.server()))
    }

    #[inline]
    fn outcome(&self) -> Option<Outcome> {
        None
    }
}

/// The client as an exchange would list it.
#[inline]
pub fn party(sides: &Sides<'_>, address: Ipv6Addr) -> Party<'static> {
    let connection = sides.client();
    let is_of_connection = connection.address == address;
    Party::End(if is_of_connection { connection } else { Endpoint { address, port: 0 } })
}
