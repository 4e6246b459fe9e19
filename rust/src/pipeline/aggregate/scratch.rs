//! Reads what a filter looks at in the head of a request and no row has.

use crate::pipeline::exchange::{Method, Request};
use crate::pipeline::filter::Filter;
use crate::pipeline::name;

/// What a filter looks at and no row has, for one request. Kept so that its memory is reused.
#[derive(Debug, Default)]
pub struct Scratch {
    pub path: Vec<u8>,
    pub user_agent: Vec<u8>,
}

impl Scratch {
    /// Reads what the filter looks at.
    pub fn read(&mut self, filter: &Filter, request: &Request<'_>) {
        let needs = filter.needs();
        if needs.path {
            self.path.clear();
            let &Request { method, target, is_cut, host, .. } = request;
            name::path_into(&mut self.path, target, method == Method::CONNECT, host, is_cut);
        }
        if needs.user_agent {
            self.user_agent.clear();
            if let Some(value) = request.fields.first(b"user-agent") {
                name::product_into(&mut self.user_agent, value);
            }
        }
    }
}
