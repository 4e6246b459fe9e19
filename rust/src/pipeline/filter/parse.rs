//! Parses a filter by recursive descent. A mistake is noted, and parsing goes on with what can be understood.

use super::field::{self, Field, Kind};
use super::mistake::{MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Mistake};
use super::term::{Relation, Term, Value};

/// A part of a parsed filter. A term is a number, that of its place in the list of terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Term(usize),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Node {
    /// Evaluates the part; `None` if that depends on a term which is not decided. (Three-valued logic: Kleene 1938.)
    pub fn decide(&self, holds: &mut impl FnMut(usize) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Term(at) => holds(*at),
            Self::Not(node) => match **node {
                // Most parts are terms, and a term needs no call of this function.
                Self::Term(at) => holds(at),
                ref node => node.decide(holds),
            }
            .map(|holds| !holds),
            Self::All(nodes) => first(nodes, false, holds),
            Self::Any(nodes) => first(nodes, true, holds),
        }
    }
}

/// `answer` if one of the parts gives it.
fn first(nodes: &[Node], answer: bool, holds: &mut impl FnMut(usize) -> Option<bool>) -> Option<bool> {
    let mut all = Some(!answer);
    for node in nodes {
        let found = if let Node::Term(at) = node { holds(*at) } else { node.decide(holds) };
        match found {
            Some(found) if found == answer => return Some(answer),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

/// A word that combines terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Not,
}

const OPERATORS: [(&str, Operator); 3] = [("and", Operator::And), ("or", Operator::Or), ("not", Operator::Not)];

pub struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    terms: Vec<Term>,
    /// The first mistake, at a byte of the text.
    mistake: Option<(usize, String)>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, terms: Vec::new(), mistake: None }
    }

    /// Parses the whole text. Returns the terms, the expression and the first mistake.
    pub fn run(mut self) -> (Vec<Term>, Option<Node>, Option<Mistake>) {
        if self.text.len() > MAX_LENGTH {
            let message = format!("a filter has at most {MAX_LENGTH} bytes");
            return (Vec::new(), None, Some(Mistake { position: 0, message }));
        }
        let mut nodes = Vec::new();
        while self.skip_blanks() {
            nodes.extend(self.any());
            if self.rest().starts_with(')') {
                self.wrong(self.at, "no parenthesis is open here".into());
                self.at += 1;
            }
        }
        let mistake = self.mistake.map(|(at, message)| {
            let position = self.text[..at].chars().count();
            Mistake { position, message }
        });
        (self.terms, combined(nodes, Node::All), mistake)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips blanks. Returns false at the end of the text.
    fn skip_blanks(&mut self) -> bool {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at < self.text.len()
    }

    /// Notes a mistake; later ones may follow from the first.
    fn wrong(&mut self, at: usize, message: String) {
        self.mistake.get_or_insert((at, message));
    }

    /// The operator that begins here.
    fn operator(&self) -> Option<(Operator, usize)> {
        let rest = self.rest();
        let end = rest.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(rest.len());
        let is_word = rest[end..].chars().next().is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')'));
        // A text that is nothing but such a word is a text.
        let is_alone = self.text.trim().len() == end;
        let found = OPERATORS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&rest[..end]));
        found.filter(|_| is_word && !is_alone).map(|&(_, operator)| (operator, end))
    }

    /// Takes the operator if it begins here.
    fn take(&mut self, wanted: Operator) -> bool {
        match self.operator() {
            Some((operator, length)) if operator == wanted => {
                self.at += length;
                true
            }
            _ => false,
        }
    }

    /// True at the end of a group or of the text.
    fn is_at_end(&mut self) -> bool {
        !self.skip_blanks() || self.rest().starts_with(')')
    }

    /// Parts with `or` between them.
    fn any(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        loop {
            let part = self.all();
            let (at, is_missing) = (self.at, part.is_none());
            nodes.extend(part);
            if !self.take(Operator::Or) {
                return combined(nodes, Node::Any);
            }
            if is_missing {
                self.wrong(at, "or needs a term before it".into());
            }
            if self.is_at_end() {
                self.wrong(at, "or needs a term behind it".into());
            }
        }
    }

    /// Parts side by side, or with `and` between them.
    fn all(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while !self.is_at_end() {
            let at = self.at;
            match self.operator() {
                Some((Operator::Or, _)) => break,
                Some((Operator::And, length)) => {
                    self.at += length;
                    if nodes.is_empty() {
                        self.wrong(at, "and needs a term before it".into());
                    }
                    if self.is_at_end() || self.operator().is_some_and(|(next, _)| next != Operator::Not) {
                        self.wrong(at, "and needs a term behind it".into());
                    }
                }
                _ => nodes.extend(self.one()),
            }
        }
        combined(nodes, Node::All)
    }

    /// A term, a group, or the negation of one.
    fn one(&mut self) -> Option<Node> {
        if self.depth >= MAX_DEPTH {
            self.wrong(self.at, format!("parentheses and negations go at most {MAX_DEPTH} deep"));
            self.at = self.text.len();
            return None;
        }
        self.depth += 1;
        let node = self.one_within();
        self.depth -= 1;
        node
    }

    fn one_within(&mut self) -> Option<Node> {
        let at = self.at;
        if self.rest().starts_with('(') {
            return self.group();
        }
        let is_mark = self.rest().starts_with('!');
        if is_mark {
            self.at += 1;
        }
        if !is_mark && !self.take(Operator::Not) {
            return self.term();
        }
        // A mark stands right before what it negates.
        let is_alone = is_mark && self.rest().starts_with(char::is_whitespace);
        if is_alone || self.is_at_end() || self.operator().is_some_and(|(next, _)| next != Operator::Not) {
            let sign = if is_mark { "!" } else { "not" };
            self.wrong(at, format!("{sign} needs a term behind it"));
            return None;
        }
        Some(negated(self.one()?))
    }

    fn group(&mut self) -> Option<Node> {
        let at = self.at;
        self.at += 1;
        if self.is_at_end() {
            self.wrong(self.at, "a term is missing in the parentheses".into());
        }
        let node = self.any();
        if self.skip_blanks() && self.rest().starts_with(')') {
            self.at += 1;
        } else {
            self.wrong(at, "the parenthesis is not closed".into());
        }
        node
    }

    fn term(&mut self) -> Option<Node> {
        let at = self.at;
        let (term, is_negated) = self.condition()?;
        if self.terms.len() >= MAX_TERMS {
            self.wrong(at, format!("a filter has at most {MAX_TERMS} terms"));
            return None;
        }
        self.terms.push(term);
        let node = Node::Term(self.terms.len() - 1);
        Some(if is_negated { negated(node) } else { node })
    }

    /// Parses a term, and whether it is negated. `None` if it excludes nothing yet, or cannot be understood.
    fn condition(&mut self) -> Option<(Term, bool)> {
        let (at, rest) = (self.at, self.rest());
        let end = rest.find(|letter: char| !letter.is_ascii_alphabetic() && letter != '_').unwrap_or(rest.len());
        let name = &rest[..end];
        let known = Field::from_name(name);
        let is_ordered = known.is_some_and(|(_, kind)| kind.is_ordered());
        // Blanks may stand around the sign of a comparison.
        let behind = if is_ordered { rest[end..].trim_start() } else { &rest[end..] };
        let is_spaced = behind.len() < rest.len() - end;
        let (is_not, sign) = behind.strip_prefix('!').map_or((false, behind), |sign| (true, sign));
        let relation = Relation::ALL.into_iter().find(|(word, _)| sign.starts_with(word));
        let relation =
            relation.filter(|(word, _)| !name.is_empty() && (!is_not || *word == "=") && (!is_spaced || *word != ":"));
        let Some((word, relation)) = relation else { return self.anywhere() };
        let Some((field, kind)) = known else {
            if !self.is_plain_word(end) {
                self.wrong(at, field::unknown(name));
            }
            return self.anywhere();
        };
        self.at = self.text.len() - sign.len() + word.len();
        if is_ordered && relation != Relation::Has {
            self.skip_blanks();
        }
        let is_marked = self.rest().starts_with('!');
        self.at += usize::from(is_marked);
        let place = self.at;
        let value = self.value();
        if value.text.is_empty() {
            self.wrong(place, format!("{} needs a value behind it", &self.text[at..place]));
            return None;
        }
        if !value.is_quoted && value.text.starts_with('(') {
            self.wrong(place, "a value that begins with a parenthesis is put in quotes".into());
        }
        match Term::about(field, kind, relation, value) {
            Ok(term) => Some((term, is_marked != is_not)),
            Err(message) => {
                self.wrong(place, message);
                let whole = Value { text: &self.text[at..self.at], is_quoted: true };
                match (kind, relation) {
                    (Kind::Status, Relation::Has) => Some((Term::status_like(value), is_marked)),
                    // A relation that the field does not have leaves a text.
                    (Kind::Text | Kind::Address, relation) if relation != Relation::Has => {
                        Some((Term::anywhere(whole), false))
                    }
                    _ => None,
                }
            }
        }
    }

    /// True if the word here, whose first `end` bytes look like the name of a field, is an address or a host with a
    /// port.
    fn is_plain_word(&self, end: usize) -> bool {
        let word = self.rest().split(|letter: char| letter.is_whitespace() || letter == ')').next().unwrap_or_default();
        let port = word[end..].strip_prefix(':').unwrap_or("x");
        port.bytes().all(|byte| byte.is_ascii_digit()) || word.parse::<std::net::Ipv6Addr>().is_ok()
    }

    /// Parses a text for any field.
    fn anywhere(&mut self) -> Option<(Term, bool)> {
        let at = self.at;
        let value = self.value();
        if value.text.is_empty() {
            self.wrong(at, "a text is missing".into());
            return None;
        }
        Some((Term::anywhere(value), false))
    }

    /// Takes a value: a text in quotes, or a word.
    fn value(&mut self) -> Value<'a> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            let text = self.word();
            self.at += text.len();
            return Value { text, is_quoted: false };
        };
        let text = rest[1..].split(quote).next().unwrap_or_default();
        let length = 1 + text.len();
        if length == rest.len() {
            self.wrong(self.at, "the quote is not closed".into());
        }
        self.at += (length + 1).min(rest.len());
        Value { text, is_quoted: true }
    }

    /// The word that begins here. It ends before a blank, and before a parenthesis that closes a group. Parentheses
    /// that open and close within the word are part of it.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let mut inside = 0_usize;
        let end = rest.find(|letter: char| {
            match letter {
                '(' => inside += 1,
                ')' if inside == 0 => return true,
                ')' => inside -= 1,
                _ => {}
            }
            letter.is_whitespace()
        });
        &rest[..end.unwrap_or(rest.len())]
    }
}

fn negated(node: Node) -> Node {
    match node {
        Node::Not(inner) => *inner,
        other => Node::Not(Box::new(other)),
    }
}

/// The combination of parts; one part needs none.
fn combined(mut nodes: Vec<Node>, how: impl FnOnce(Vec<Node>) -> Node) -> Option<Node> {
    match nodes.len() {
        0 | 1 => nodes.pop(),
        _ => Some(how(nodes)),
    }
}
