//! Options of DHCPv4 and DHCPv6.

use crate::v1;
use freehold_core::net::{Family, family, parse_address};
use freehold_core::option::{OPTION_BYTES_MAX_V6, OptionCode, OptionValue, Options};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::{HostName, Text, shown};
use std::fmt::Display;
use std::net::IpAddr;

fn strings<T: Display>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// Refuses a list that no option can hold before any of it is read: every item has at least one byte.
fn at_most_an_option(items: &[String], field: &str) -> Result<(), Refusal> {
    if items.len() <= OPTION_BYTES_MAX_V6 {
        return Ok(());
    }
    let message = format!("{} items; an option has at most {OPTION_BYTES_MAX_V6} bytes", items.len());
    Err(Refusal::new(Reason::TooMany, message).at(field))
}

fn addresses(of: Family, items: &[String]) -> Result<Vec<IpAddr>, Refusal> {
    at_most_an_option(items, "addresses.items")?;
    let parse = |text: &String| {
        parse_address(text).ok().filter(|address| family(*address) == of).ok_or_else(|| {
            Refusal::new(Reason::InvalidOption, format!("{} is not an {of} address", shown(text))).at("addresses.items")
        })
    };
    items.iter().map(parse).collect()
}

fn names(items: &[String]) -> Result<Vec<HostName>, Refusal> {
    at_most_an_option(items, "names.items")?;
    let parse = |text: &String| {
        HostName::parse(text).map_err(|refusal| Refusal { reason: Reason::InvalidOption, ..refusal }.at("names.items"))
    };
    items.iter().map(parse).collect()
}

fn option_text(text: &str) -> Result<Text, Refusal> {
    Text::parse(text).map_err(|refusal| Refusal { reason: Reason::InvalidOption, ..refusal }.at("text"))
}

/// The messages of options, by code.
pub fn messages(options: &Options) -> Vec<v1::DhcpOption> {
    use v1::dhcp_option::Value;
    let message = |(code, value): (OptionCode, &OptionValue)| v1::DhcpOption {
        code: code.number().into(),
        name: code.name().unwrap_or_default().to_owned(),
        value: Some(match value {
            OptionValue::Addresses(items) => Value::Addresses(v1::AddressList { items: strings(items) }),
            OptionValue::Text(text) => Value::Text(text.to_string()),
            OptionValue::Names(items) => Value::Names(v1::NameList { items: strings(items) }),
            OptionValue::Unsigned(number) => Value::Unsigned(*number),
            OptionValue::Signed(number) => Value::Signed(*number),
            OptionValue::Flag(flag) => Value::Flag(*flag),
            OptionValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        }),
    };
    options.iter().map(message).collect()
}

/// The options of messages in a scope of this family.
pub fn parse(family: Family, messages: &[v1::DhcpOption]) -> Result<Options, Refusal> {
    use v1::dhcp_option::Value;
    let mut options = Options::default();
    for (i, message) in messages.iter().enumerate() {
        let mut add = || {
            let code = OptionCode::new(family, message.code).map_err(|refusal| refusal.at("code"))?;
            let value = match &message.value {
                None => return Err(Refusal::new(Reason::InvalidOption, format!("option {code} has no value"))),
                Some(Value::Addresses(list)) => OptionValue::Addresses(addresses(family, &list.items)?),
                Some(Value::Text(text)) => OptionValue::Text(option_text(text)?),
                Some(Value::Names(list)) => OptionValue::Names(names(&list.items)?),
                Some(Value::Unsigned(number)) => OptionValue::Unsigned(*number),
                Some(Value::Signed(number)) => OptionValue::Signed(*number),
                Some(Value::Flag(flag)) => OptionValue::Flag(*flag),
                Some(Value::Bytes(bytes)) => OptionValue::Bytes(bytes.clone()),
            };
            options.add(code, value)
        };
        add().map_err(|refusal| refusal.under(&format!("options[{i}]")))?;
    }
    Ok(options)
}

/// The options of a resource, by code, for agents: the messages without what is derived.
pub fn resources(options: &Options) -> Vec<v1::DhcpOption> {
    messages(options).into_iter().map(|option| v1::DhcpOption { name: String::new(), ..option }).collect()
}
