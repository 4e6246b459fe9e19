//! Exchanges as a snapshot lists them: what was measured, and the names of the rows they were counted in.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::remarkable::{Class, Remarkable};
use super::values;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::Method;
use crate::pipeline::exchange::{Exchange, exchange_fields};
use crate::pipeline::packet::Timestamp;

/// Makes the struct, its order and its JSON from the table of fields.
macro_rules! named_exchange {
    ($(
        measured { $($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)* }
        named {
            $($(#[doc = $named_doc:tt])* $(#[serde($($named_serde:tt)*)])? $named:ident: $named_type:ty as $named_python:ty,)*
        }
    )*) => {
        /// A request and its final response. Exchanges are sorted by their fields, in the order of the table.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "Flat", into = "Flat")]
        pub struct NamedExchange {
            /// What its messages tell. The client has no port where a proxy told it, see [`portless`](super::portless).
            pub measured: Exchange,
            $($($(#[doc = $named_doc])* pub $named: $named_type,)*)*
        }

        impl Ord for NamedExchange {
            fn cmp(&self, other: &Self) -> Ordering {
                Ordering::Equal$(
                    $(.then_with(|| self.measured.$field.cmp(&other.measured.$field)))*
                    $(.then_with(|| self.$named.cmp(&other.$named)))*
                )*
            }
        }

        /// All fields side by side, as they are in JSON.
        #[derive(Serialize, Deserialize)]
        #[serde(rename = "Exchange")]
        struct Flat {
            $($($(#[serde($($serde)*)])? $field: $type,)* $($(#[serde($($named_serde)*)])? $named: $named_type,)*)*
        }

        impl From<Flat> for NamedExchange {
            fn from(flat: Flat) -> Self {
                Self { measured: Exchange { $($($field: flat.$field,)*)* }, $($($named: flat.$named,)*)* }
            }
        }

        impl From<NamedExchange> for Flat {
            fn from(exchange: NamedExchange) -> Self {
                Self { $($($field: exchange.measured.$field,)* $($named: exchange.$named,)*)* }
            }
        }
    };
}

exchange_fields!(named_exchange);

impl PartialOrd for NamedExchange {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Remarkable for NamedExchange {
    /// Errors, requests without a response and the slowest.
    const CLASSES: &'static [Class<Self>] = &[
        Class {
            weight: |exchange| exchange.measured.status.filter(|status| *status >= 500).map(|_| exchange.measured.ts.0),
            share: 4,
        },
        Class {
            weight: |exchange| {
                exchange.measured.status.filter(|status| matches!(status, 400..=499)).map(|_| exchange.measured.ts.0)
            },
            share: 8,
        },
        Class { weight: |exchange| exchange.measured.status.is_none().then_some(exchange.measured.ts.0), share: 8 },
        Class { weight: |exchange| exchange.measured.latency.map(|latency| latency as i64), share: 4 },
    ];

    fn group(&self) -> (&str, &str) {
        (&self.host, &self.section)
    }

    /// The newest.
    fn rest(&self) -> i64 {
        self.measured.ts.0
    }
}
