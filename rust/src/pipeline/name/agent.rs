//! The name of a user agent, without versions and comments: that of a browser, or the first word of any other program.

use super::clean_into;

/// Maximum length of the name of a user agent.
const MAX_AGENT: usize = 64;

/// Products that identify a browser, and the browser's name. If a field has several, the first in this table counts:
/// most browsers name Chrome and Safari as well.
const BROWSERS: [(&[u8], &[u8]); 23] = [
    (b"Edg", b"Edge"),
    (b"EdgA", b"Edge"),
    (b"EdgiOS", b"Edge"),
    (b"Edge", b"Edge"),
    (b"OPR", b"Opera"),
    (b"OPiOS", b"Opera"),
    (b"Vivaldi", b"Vivaldi"),
    (b"YaBrowser", b"Yandex"),
    (b"SamsungBrowser", b"Samsung Internet"),
    (b"DuckDuckGo", b"DuckDuckGo"),
    (b"HeadlessChrome", b"HeadlessChrome"),
    (b"SeaMonkey", b"SeaMonkey"),
    (b"FxiOS", b"Firefox"),
    (b"Firefox", b"Firefox"),
    (b"Chromium", b"Chromium"),
    (b"CriOS", b"Chrome"),
    (b"Chrome", b"Chrome"),
    (b"MSIE", b"Internet Explorer"),
    (b"Trident", b"Internet Explorer"),
    (b"Konqueror", b"Konqueror"),
    (b"Epiphany", b"Epiphany"),
    (b"Safari", b"Safari"),
    (b"AppleWebKit", b"WebKit"),
];

/// Maximum number of bytes of a field that are looked at; browsers write fewer.
const LOOKED_AT: usize = 512;

/// Writes the name in a `User-Agent` field (RFC 9110 §10.1.5), if there is one.
pub fn product_into(out: &mut Vec<u8>, field: &[u8]) {
    let field = &field[..field.len().min(LOOKED_AT)];
    let first = product(field);
    let name = if first == b"Mozilla" { robot(field).or_else(|| browser(field)).unwrap_or(first) } else { first };
    clean_into(out, name, MAX_AGENT);
}

/// RFC 9110 §10.1.5: `product = token ["/" product-version]`. The token is the name.
fn product(text: &[u8]) -> &[u8] {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    &text[..text.iter().position(|byte| !is_token(byte)).unwrap_or(text.len())]
}

/// The name of a robot, which stands in a comment: `(compatible; Googlebot/2.1; ...)`. Old browsers write the same, and
/// are no robots.
fn robot(field: &[u8]) -> Option<&[u8]> {
    const MARK: &[u8] = b"compatible; ";
    let at = memchr::memmem::find(field, MARK)?;
    let name = product(&field[at + MARK.len()..]);
    (!name.is_empty() && name != b"MSIE" && name != b"Konqueror").then_some(name)
}

fn browser(field: &[u8]) -> Option<&'static [u8]> {
    let words = || field.split(|byte| matches!(byte, b' ' | b'(' | b';')).map(product);
    BROWSERS.iter().find(|(product, _)| words().any(|word| word == *product)).map(|&(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::super::as_text;
    use super::*;

    fn name(field: &str) -> String {
        let mut out = Vec::new();
        product_into(&mut out, field.as_bytes());
        as_text(&out).into_owned()
    }

    #[test]
    fn a_user_agent_is_called_by_its_product() {
        let table = [
            ("curl/8.5.0", "curl"),
            ("curl", "curl"),
            ("python-requests/2.31.0", "python-requests"),
            ("Go-http-client/1.1", "Go-http-client"),
            ("kube-probe/1.29", "kube-probe"),
            ("ELB-HealthChecker/2.0", "ELB-HealthChecker"),
            ("Apache-HttpClient/4.5.14 (Java/17.0.9)", "Apache-HttpClient"),
            ("Wget/1.21.4 (linux-gnu) Firefox/1", "Wget"),
            ("Amazon CloudFront", "Amazon"),
            ("Basic dTpz", "Basic"),
            ("u:X@h", "u"),
            ("x?X", "x"),
            ("(X)", ""),
            ("\u{1b}[2J", ""),
            ("", ""),
        ];
        for (field, want) in table {
            assert_eq!(name(field), want, "{field}");
        }
    }

    #[test]
    fn a_browser_is_called_by_its_own_name() {
        const WEBKIT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        let table = [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Gecko/20100101 Firefox/122.0".to_owned(), "Firefox"),
            (format!("{WEBKIT} Chrome/121.0.0.0 Safari/537.36"), "Chrome"),
            (format!("{WEBKIT} Chrome/121.0.0.0 Safari/537.36 Edg/121.0.2277.83"), "Edge"),
            (format!("{WEBKIT} Chrome/121.0.0.0 Safari/537.36 OPR/106.0.0.0"), "Opera"),
            (format!("{WEBKIT} HeadlessChrome/121.0.0.0 Safari/537.36"), "HeadlessChrome"),
            (format!("{WEBKIT} Version/17.2 Safari/605.1.15"), "Safari"),
            (format!("{WEBKIT} CriOS/121.0 Mobile/15E148 Safari/604.1"), "Chrome"),
            (format!("{WEBKIT} FxiOS/122.0 Mobile/15E148 Safari/605.1.15"), "Firefox"),
            (format!("{WEBKIT} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36"), "Samsung Internet"),
            (WEBKIT.to_owned(), "WebKit"),
            ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)".into(), "Internet Explorer"),
            ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko".into(), "Internet Explorer"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".into(), "Googlebot"),
            ("Mozilla/5.0 AppleWebKit/537.36 (compatible; bingbot/2.0) Chrome/1 Safari/1".into(), "bingbot"),
            ("Mozilla/5.0".into(), "Mozilla"),
            ("Mozilla/5.0 (X)".into(), "Mozilla"),
        ];
        for (field, want) in table {
            assert_eq!(name(&field), want, "{field}");
        }
    }

    #[test]
    fn a_name_is_bounded() {
        assert_eq!(name(&"x".repeat(100_000)).len(), MAX_AGENT);
        assert_eq!(name(&format!("Mozilla/5.0 (compatible; {}", "x".repeat(400))).len(), MAX_AGENT);
    }
}
