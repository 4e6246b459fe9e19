//! Where the mistake in a BPF expression is. libpcap says only what is wrong.
//!
//! libpcap quotes a name that it does not know. For a syntax error, the mistake is the first word that can follow
//! neither what stands before it nor anything else: an unknown word, or one with which no beginning of an expression
//! ends. Compiling tells; no name is looked up meanwhile.

/// Words of the language (pcap-filter(7)). A word that is missing here is taken for a mistake only if the expression has
/// a syntax error.
const WORDS: &str = "aarp action addr1 addr2 addr3 addr4 address1 address2 address3 address4 ah and arp atalk atm bcc \
    broadcast carp clnp connectmsg csnp decnet dir direction dpc dst es-is esis esp ether fddi fisu gateway geneve \
    greater hdpc hfisu hlssu hmsu hopc host hsio hsls icmp icmp6 icmpcode icmptype icmp6code icmp6type ifname igmp igrp \
    iih ilmic inbound ip ip6 ipx is-is isis iso l1 l2 lane lat len less link llc lsp lssu lsu mask metac metaconnect \
    mopdl moprc mpls msu multicast net netbeui not oam oamf4 oamf4ec oamf4sc on opc or outbound pim port portrange ppp \
    pppoed pppoes proto protochain psnp ra radio rarp reason ref rnr rset rulenum ruleset sc sca sctp sio slip sls snp \
    src srnr stp subrulenum subtype ta tcp tcpflags tr type udp vci vlan vpi vrrp vxlan wlan \
    tcp-fin tcp-syn tcp-rst tcp-push tcp-ack tcp-urg tcp-ece tcp-cwr";

/// Words behind which a name stands.
const BEFORE_NAMES: &str = "host src dst net gateway port portrange proto protochain mask ifname on type subtype dir \
    reason action rset ruleset ether ip ip6 arp rarp";

/// Ends that beginnings of expressions may have.
const ENDS: [&str; 10] = ["", " 1", " tcp", " 192.0.2.1", " host 192.0.2.1", "=1", "]=1", "1]=1", " 1=1", " 2-3"];

/// Maximum number of words that are tried, since each is compiled several times.
const MOST: usize = 64;

/// A word or a sign, and where it begins.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    at: usize,
    text: &'a str,
}

fn is_in(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

fn tokens(expression: &str) -> Vec<Token<'_>> {
    let is_word = |letter: char| letter.is_alphanumeric() || "_.-:\\/".contains(letter);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = expression[at..].chars().next() {
        let rest = &expression[at..];
        // Within brackets, signs stand between numbers.
        let end = if is_word(letter) { rest.find(|next| !is_word(next)) } else { Some(letter.len_utf8()) };
        let text = &rest[..end.unwrap_or(rest.len())];
        if !letter.is_whitespace() {
            found.push(Token { at, text });
        }
        at += text.len();
    }
    found
}

/// Returns the number of characters before the mistake, `None` if it cannot be located. `reason` is what libpcap says;
/// `complain` compiles an expression and returns what libpcap says of it, `None` if it compiles.
pub fn position(expression: &str, reason: &str, complain: impl Fn(&str) -> Option<String>) -> Option<usize> {
    let tokens = tokens(expression);
    let at = if reason.contains("syntax error") {
        if tokens.len() > MOST {
            return None;
        }
        Some(unknown(&tokens).unwrap_or_else(|| unfit(expression, &tokens, complain)))
    } else {
        let quoted: Vec<_> = reason.split(['\'', '"']).skip(1).step_by(2).filter(|name| !name.is_empty()).collect();
        let named = |token: &&Token<'_>| quoted.contains(&token.text);
        tokens.iter().find(named).map(|token| token.at).or_else(|| expression.find(quoted.first()?))
    };
    at.map(|at| expression[..at].chars().count())
}

/// The first word that is neither one of the language, nor a number or an address, nor behind a word that takes a name.
fn unknown(tokens: &[Token<'_>]) -> Option<usize> {
    let is_odd = |at: &usize| {
        let text = tokens[*at].text;
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
        let is_number = text.starts_with(|first: char| first.is_ascii_digit()) || text.contains([':', '\\']);
        let is_word = text.starts_with(char::is_alphabetic);
        is_word && !is_number && !is_in(text, WORDS) && !is_in(before, BEFORE_NAMES)
    };
    (0..tokens.len()).find(is_odd).map(|at| tokens[at].at)
}

/// The first word with which no beginning of an expression ends, or the end if there is none.
fn unfit(expression: &str, tokens: &[Token<'_>], complain: impl Fn(&str) -> Option<String>) -> usize {
    let mut text = String::new();
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].text);
        let is_name = is_in(before, BEFORE_NAMES) && !is_in(token.text, WORDS);
        let is_looked_up = is_name && token.text.starts_with(char::is_alphabetic);
        if !text.is_empty() {
            text.push_str(&expression[tokens[at - 1].at + tokens[at - 1].text.len()..token.at]);
        }
        text.push_str(match before {
            "port" | "portrange" | "proto" | "protochain" if is_looked_up => "1",
            _ if is_looked_up => "192.0.2.1",
            _ => token.text,
        });
        open = (open + usize::from(token.text == "(")).saturating_sub(usize::from(token.text == ")"));
        let fits = |end: &str| {
            let whole = format!("{text}{end}{}", ")".repeat(open));
            complain(&whole).is_none_or(|reason| !reason.contains("syntax error"))
        };
        if !ENDS.iter().any(|end| fits(end)) {
            return token.at;
        }
    }
    expression.len()
}
