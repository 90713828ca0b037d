//! What stands at a byte offset of a JSON text: Kea complains about places (`<wire>:0:2381`), people want names. Pure.

/// A step from the outside of a JSON value towards a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Member(String),
    Item(usize),
}

/// The path to the innermost value of `json` that covers byte `offset`. `json` must be valid JSON;
/// outside of any value the path ends early.
pub fn path_at(json: &str, offset: usize) -> Vec<Step> {
    let mut scan = Scan { bytes: json.as_bytes(), at: 0, offset };
    let mut path = Vec::new();
    scan.value(&mut path);
    path
}

/// A path as people read it: `option-data[3].data`.
pub fn display(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => text.extend([".", name]),
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    offset: usize,
}

impl Scan<'_> {
    /// Passes one value. Says whether the offset is in it; then `path` has been extended by the way to it.
    fn value(&mut self, path: &mut Vec<Step>) -> bool {
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.members(path) || self.covers(start),
            Some(b'[') => self.items(path) || self.covers(start),
            Some(b'"') => {
                self.string();
                self.covers(start)
            }
            _ => {
                while self.peek().is_some_and(|byte| !b",]} \t\r\n".contains(&byte)) {
                    self.at += 1;
                }
                self.covers(start)
            }
        }
    }

    fn members(&mut self, path: &mut Vec<Step>) -> bool {
        self.at += 1;
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                self.at += 1;
                return false;
            }
            let name = self.string();
            let on_name = self.covers(start);
            self.blanks();
            self.at += 1;
            path.push(Step::Member(name));
            if self.value(path) || on_name {
                return true;
            }
            path.pop();
            self.comma();
        }
    }

    fn items(&mut self, path: &mut Vec<Step>) -> bool {
        self.at += 1;
        for index in 0.. {
            self.blanks();
            if matches!(self.peek(), None | Some(b']')) {
                break;
            }
            path.push(Step::Item(index));
            if self.value(path) {
                return true;
            }
            path.pop();
            self.comma();
        }
        self.at += 1;
        false
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        let token = self.bytes.get(start..self.at).unwrap_or_default();
        serde_json::from_slice(token).unwrap_or_else(|_| String::from_utf8_lossy(token).into_owned())
    }

    fn comma(&mut self) {
        self.blanks();
        if self.peek() == Some(b',') {
            self.at += 1;
        }
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn covers(&self, start: usize) -> bool {
        (start..self.at).contains(&self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn each_place_has_its_path() {
        let text = r#"{"a": [1, {"b\"": "x\\"}, []], "c": {"d": null}, "e": 7}"#;
        let check = |mark: &str, expected: &str| {
            assert_eq!(display(&path_at(text, text.find(mark).unwrap())), expected, "{mark}");
        };
        check("{", "");
        check("[1", "a");
        check("1,", "a[0]");
        check(", {", "a");
        check("{\"b", "a[1]");
        check("\"x", "a[1].b\"");
        check("[]", "a[2]");
        check("\"c", "c");
        check("null", "c.d");
        check("7", "e");
        assert_eq!(path_at(text, text.len()), []);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|members| json!(members)),
            ]
        })
    }

    proptest! {
        /// The value at the path is one whose text covers the offset: it occurs there.
        #[test]
        fn the_path_leads_to_what_stands_there(value in values(), at in any::<prop::sample::Index>()) {
            let text = value.to_string();
            let offset = at.index(text.len());
            let found = path_at(&text, offset).iter().fold(&value, |value, step| match step {
                Step::Member(name) => &value[name.as_str()],
                Step::Item(index) => &value[*index],
            });
            let found = found.to_string();
            let around = text.char_indices().map(|(start, _)| start).any(|start| {
                // Its name, quotes and colon may come before it.
                text[start..].starts_with(&found) && start + found.len() > offset
            });
            prop_assert!(around, "{found} at {offset} of {text}");
        }
    }
}
