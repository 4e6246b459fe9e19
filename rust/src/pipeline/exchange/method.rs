//! Request methods: the IANA registry (<https://www.iana.org/assignments/http-methods>), the rest as one.

/// A request method. Methods are case-sensitive (RFC 9110 §9.1): `get` is not `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(u8);

/// The most frequent first: look-up is a walk.
const NAMES: [&str; 44] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "QUERY",
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "LABEL",
    "LINK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "ORDERPATCH",
    "PRI",
    "REBIND",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    // Not registered, but widely used: caches, UPnP.
    "PURGE",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
];

impl Method {
    /// A method that is in no list.
    pub const OTHER: Self = Self(u8::MAX);
    /// RFC 9110 §9.3.2.
    pub const HEAD: Self = Self(2);
    /// RFC 9110 §9.3.6.
    pub const CONNECT: Self = Self(7);

    /// The method of this name.
    pub fn from_bytes(name: &[u8]) -> Self {
        if name == b"GET" {
            return Self(0);
        }
        NAMES.iter().position(|known| known.as_bytes() == name).map_or(Self::OTHER, |at| Self(at as u8))
    }

    /// The name of a method begins like this.
    pub fn may_begin(start: &[u8]) -> bool {
        NAMES.iter().any(|known| known.as_bytes().starts_with(start))
    }

    /// `OTHER` for one that is in no list.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways_and_case_matters() {
        for name in NAMES {
            assert_eq!(Method::from_bytes(name.as_bytes()).name(), name);
        }
        assert_eq!(Method::HEAD.name(), "HEAD");
        assert_eq!(Method::CONNECT.name(), "CONNECT");
        assert_eq!(Method::from_bytes(b"get"), Method::OTHER);
        assert_eq!(Method::from_bytes(b""), Method::OTHER);
    }
}
