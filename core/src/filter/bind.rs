//! From what was written to what it means for the fields of one list.

use super::bound::{Filter, Node};
use super::condition::{Condition, Relation};
use super::expression::{Comparison, Expression, Operator};
use super::literal::Literal;
use super::moment;
use super::pattern::{Pattern, folded};
use super::refuse;
use super::schema::{Kind, Schema};
use crate::client::{HardwareAddress, HardwarePrefix};
use crate::net::{Cidr, Family, family, parse_address};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use std::net::IpAddr;

/// The fewest digits of a hardware address that are searched for: those of a vendor. With fewer, `de` would be one.
const HARDWARE_DIGITS_MIN: usize = 6;

impl Expression {
    /// What it means for the rows of `schema`. `now` is what `-30d` is counted from.
    pub fn bind(&self, schema: &Schema, now: Timestamp) -> Result<Filter, Refusal> {
        Ok(Filter::new(node(self, schema, now)?))
    }
}

fn node(expression: &Expression, schema: &Schema, now: Timestamp) -> Result<Node, Refusal> {
    let nodes = |parts: &[Expression]| parts.iter().map(|part| node(part, schema, now)).collect::<Result<_, _>>();
    Ok(match expression {
        Expression::All(parts) => Node::All(nodes(parts)?),
        Expression::Any(parts) => Node::Any(nodes(parts)?),
        Expression::Not(inner) => Node::Not(Box::new(node(inner, schema, now)?)),
        Expression::Compare(comparison) => compared(comparison, schema, now)?,
        Expression::Search(value) => searched(value, schema)?,
    })
}

fn compared(comparison: &Comparison, schema: &Schema, now: Timestamp) -> Result<Node, Refusal> {
    let Comparison { path, operator, value, column } = comparison;
    let Some((field, kind, key)) = schema.find(path) else {
        let hint = match operator {
            Operator::Has => "; a text with a colon is searched for in quotes",
            _ => "",
        };
        let written = path.join(".");
        return Err(refuse(
            *column,
            format_args!("there is no field {written:?}; the fields are {}{hint}", schema.paths()),
        ));
    };
    // A tag's value is a text; the set itself can only be asked for a key.
    let kind = if key.is_some() { &Kind::Text } else { kind };
    let typed = Typed { path: path.join("."), kind, operator: *operator, value, now };
    let test = Node::Test { field: field.to_owned(), key, condition: typed.condition()? };
    Ok(if *operator == Operator::NotEqual { Node::Not(Box::new(test)) } else { test })
}

/// A comparison whose field is known.
#[derive(Debug)]
struct Typed<'a> {
    path: String,
    kind: &'a Kind,
    operator: Operator,
    value: &'a Literal,
    now: Timestamp,
}

impl Typed<'_> {
    /// What the field's value must be, `!=` aside: the caller turns it around.
    fn condition(&self) -> Result<Condition, Refusal> {
        use Operator::{Equal, Has, NotEqual};
        if self.operator == Has && self.value.is_any() {
            return Ok(Condition::Present);
        }
        let pieces = self.value.pieces();
        match (self.kind, self.operator) {
            (Kind::Text, Equal | NotEqual) => Ok(Condition::Text(Pattern::whole(pieces))),
            (Kind::Text, Has) => Ok(Condition::Text(Pattern::part(pieces))),
            (Kind::Text, _) => Ok(Condition::TextOrder(self.relation(), folded(self.plain()?).into_owned())),
            (Kind::Number, _) => Ok(Condition::Number(self.relation(), self.read(number)?)),
            (Kind::Timestamp, _) => {
                Ok(Condition::Timestamp(self.relation(), self.read(|text| moment::parse(text, self.now))?))
            }
            (Kind::Bool, Equal | NotEqual | Has) => Ok(Condition::Bool(self.read(truth)?)),
            (Kind::Enum(words), Equal | NotEqual | Has) => Ok(Condition::Word(self.read(|text| word(words, text))?)),
            (Kind::Address, Equal | NotEqual | Has) => Ok(Condition::Within(self.read(address_or_cidr)?)),
            (Kind::Address, _) => {
                let text = self.plain()?;
                let address = parse_address(text).map_err(|refusal| {
                    self.refuse(format!("{} takes one address: {}", self.operator, refusal.message))
                })?;
                Ok(Condition::AddressOrder(self.relation(), address))
            }
            (Kind::Cidr, Has) => Ok(Condition::Covers(self.read(address_or_cidr)?)),
            (Kind::Cidr, operator) => Ok(cidr(operator, self.read(|text| text.parse().ok())?)),
            (Kind::Hardware, Equal | NotEqual) => self.hardware(),
            (Kind::Hardware, Has) => Ok(Condition::HardwareBegins(self.read_beginning()?)),
            (Kind::Tags, Has) => Ok(Condition::Key(self.plain()?.to_owned())),
            (Kind::Tags, _) => {
                let path = &self.path;
                Err(self.refuse(format!("{path:?} is a set of tags: write {path}.KEY = TEXT, or {path} : KEY")))
            }
            (Kind::Bool | Kind::Enum(_) | Kind::Hardware, operator) => {
                let what = self.kind.described();
                Err(self.refuse(format!("{:?} is {what}: it has no order for {operator}", self.path)))
            }
        }
    }

    fn hardware(&self) -> Result<Condition, Refusal> {
        if self.value.text().is_none() {
            return Ok(Condition::HardwareBegins(self.read_beginning()?));
        }
        let address: HardwareAddress = self.read(|text| text.parse().ok())?;
        Ok(Condition::Hardware((&address).into()))
    }

    /// The beginning of a hardware address, with or without a `*` behind it.
    fn read_beginning(&self) -> Result<HardwarePrefix, Refusal> {
        let text = self.value.beginning().or(self.value.text());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.wrong())
    }

    fn relation(&self) -> Relation {
        match self.operator {
            Operator::Equal | Operator::NotEqual | Operator::Has => Relation::Equal,
            Operator::Less => Relation::Less,
            Operator::AtMost => Relation::AtMost,
            Operator::More => Relation::More,
            Operator::AtLeast => Relation::AtLeast,
        }
    }

    /// The value as what `read` makes of it.
    fn read<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Refusal> {
        read(self.plain()?).ok_or_else(|| self.wrong())
    }

    /// The value, which must have no wildcard.
    fn plain(&self) -> Result<&str, Refusal> {
        self.value.text().ok_or_else(|| {
            let (path, operator) = (&self.path, self.operator);
            match self.kind {
                Kind::Text => self.refuse(format!("{operator} takes no wildcard; write \\* in quotes for a star")),
                Kind::Tags => self.refuse(format!("a key has no wildcard; {path} : * takes what has any tag")),
                _ => {
                    self.refuse(format!("a wildcard stands in texts alone, and {path:?} is {}", self.kind.described()))
                }
            }
        })
    }

    fn wrong(&self) -> Refusal {
        let written = self.value.pieces().join("*");
        let shown: String = written.chars().take(80).collect();
        let why = match self.kind {
            Kind::Address | Kind::Cidr if written.contains('/') => written.parse::<Cidr>().err(),
            Kind::Address | Kind::Cidr if written.contains(':') => parse_address(&written).err(),
            _ => None,
        };
        let why = why.map_or(String::new(), |refusal| format!(": {}", refusal.message));
        self.refuse(format!("{:?} is {}, not {shown:?}{why}", self.path, self.kind.described()))
    }

    fn refuse(&self, what: String) -> Refusal {
        refuse(self.value.column, what)
    }
}

fn cidr(operator: Operator, cidr: Cidr) -> Condition {
    match operator {
        Operator::Equal | Operator::NotEqual => Condition::Exactly(cidr),
        Operator::AtMost => Condition::Within(cidr),
        Operator::Less => Condition::StrictlyWithin(cidr),
        Operator::AtLeast | Operator::Has => Condition::Covers(cidr),
        Operator::More => Condition::StrictlyCovers(cidr),
    }
}

/// A value alone: at least one of the searched fields has it. A value that cannot be of a field's kind is not there.
fn searched(value: &Literal, schema: &Schema) -> Result<Node, Refusal> {
    let mut fields = schema.all_searched().peekable();
    if fields.peek().is_none() {
        return Err(refuse(
            value.column,
            format_args!("this list is not searched by words alone; compare one of {}", schema.paths()),
        ));
    }
    let mut tests = Vec::new();
    for (field, kind) in fields {
        let test = |condition| Node::Test { field: field.to_owned(), key: None, condition };
        tests.extend(found(value, kind).into_iter().map(test));
    }
    Ok(Node::Any(tests))
}

/// What a searched value asks of a field of this kind.
fn found(value: &Literal, kind: &Kind) -> Vec<Condition> {
    let text = value.text();
    let one = |condition: Option<Condition>| condition.into_iter().collect();
    match kind {
        Kind::Text => vec![Condition::Text(Pattern::part(value.pieces()))],
        Kind::Tags => vec![Condition::Tag(Pattern::part(value.pieces()))],
        Kind::Number => one(text.and_then(number).map(|number| Condition::Number(Relation::Equal, number))),
        Kind::Enum(words) => one(text.and_then(|text| word(words, text)).map(Condition::Word)),
        Kind::Address => one(text.and_then(address_or_cidr).map(Condition::Within)),
        Kind::Cidr => match text.and_then(address_or_cidr) {
            Some(cidr) if text.is_some_and(|text| text.contains('/')) => vec![Condition::Exactly(cidr)],
            Some(address) => vec![Condition::Covers(address)],
            None => Vec::new(),
        },
        Kind::Hardware => {
            let beginning = value.beginning().or(text).and_then(|text| text.parse::<HardwarePrefix>().ok());
            one(beginning.filter(|b| b.digits() >= HARDWARE_DIGITS_MIN).map(Condition::HardwareBegins))
        }
        Kind::Bool | Kind::Timestamp => Vec::new(),
    }
}

/// A decimal number, with an exponent if need be; not infinite.
fn number(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| decimal && number.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// The word of an enum in its own letters.
fn word(words: &[String], text: &str) -> Option<String> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).cloned()
}

/// A CIDR, or an address as the CIDR of it alone.
fn address_or_cidr(text: &str) -> Option<Cidr> {
    if text.contains('/') { text.parse().ok() } else { parse_address(text).ok().and_then(alone) }
}

fn alone(address: IpAddr) -> Option<Cidr> {
    let length = match family(address) {
        Family::V4 => 32,
        Family::V6 => 128,
    };
    Cidr::new(address, length).ok()
}
