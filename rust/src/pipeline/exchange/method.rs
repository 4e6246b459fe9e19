//! Request methods: those of the IANA registry (<https://www.iana.org/assignments/http-methods>), a few other common
//! ones, and `OTHER` for the rest.

/// A request method. Methods are case-sensitive (RFC 9110 §9.1): `get` is not `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(u8);

/// Known methods. The most frequent ones come first, because look-up goes through the list.
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
    /// A method that is not in the list.
    pub const OTHER: Self = Self(u8::MAX);
    /// `POST` (RFC 9110 §9.3.3).
    pub const POST: Self = Self(1);
    /// `HEAD` (RFC 9110 §9.3.2): its response has no body.
    pub const HEAD: Self = Self(2);
    /// `CONNECT` (RFC 9110 §9.3.6): a successful response turns the connection into a tunnel.
    pub const CONNECT: Self = Self(7);

    /// Returns the method with this name, or [`Self::OTHER`].
    pub fn from_bytes(name: &[u8]) -> Self {
        if name == b"GET" {
            return Self(0);
        }
        NAMES.iter().position(|known| known.as_bytes() == name).map_or(Self::OTHER, |at| Self(at as u8))
    }

    /// Returns whether the name of a known method begins with `start`.
    pub fn may_begin(start: &[u8]) -> bool {
        NAMES.iter().any(|known| known.as_bytes().starts_with(start))
    }

    /// Returns the name, or `OTHER` for a method that is not in the list.
    pub fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_are_case_sensitive() {
        for name in NAMES {
            assert_eq!(Method::from_bytes(name.as_bytes()).name(), name);
        }
        assert_eq!([Method::POST, Method::HEAD].map(Method::name), ["POST", "HEAD"]);
        assert_eq!(Method::CONNECT.name(), "CONNECT");
        assert_eq!(Method::from_bytes(b"get"), Method::OTHER);
        assert_eq!(Method::from_bytes(b""), Method::OTHER);
    }
}
