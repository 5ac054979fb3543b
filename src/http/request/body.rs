//! What a body is, whatever its type says, and the fields in it.
//!
//! | a body that | is |
//! |---|---|
//! | begins with `{` | JSON |
//! | is a JSON string that begins with `{` | JSON, turned into text twice |
//! | names one of our fields before a `=` | a form |
//! | is none of these | what its type says it is, and so 400; with another type 415 |
//!
//! A byte-order mark and spaces before it do not count.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, known, known_inside};
use crate::error::{Error, Invalid, Result};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) fn read(body: &[u8], content_type: &str) -> Result<Fields> {
    let unreadable = || Error::InvalidRequest(Invalid::Body);
    let body = beginning(body);
    match body.first() {
        Some(b'{') => return json(body).ok_or_else(unreadable),
        Some(b'"') => {
            if let Some(fields) =
                text_of_json(body).and_then(|text| json(beginning(text.as_bytes())))
            {
                return Ok(fields);
            }
        }
        _ => {}
    }
    let fields = form(body);
    let content_type = content_type.to_ascii_lowercase();
    let names_a_field = body.contains(&b'=') && !fields.is_empty();
    if names_a_field || content_type.contains("form-urlencoded") {
        Ok(fields)
    } else if content_type.contains("json") || body.is_empty() {
        Err(unreadable())
    } else {
        Err(Error::UnsupportedMediaType)
    }
}

/// The fields of a form or a query. `detail[iv]` is how forms write an object's field.
pub(super) fn form(text: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(text) {
        if let Some(name) = known(&name) {
            fields.add(name, value.into_owned());
        } else if let Some((object, name)) = inside_brackets(&name) {
            fields.add_inside(object, name, value.into_owned());
        } else {
            add_object(&mut fields, &name, &value);
        }
    }
    fields
}

fn inside_brackets(name: &str) -> Option<(&str, &'static str)> {
    let (object, inner) = name.strip_suffix(']')?.split_once('[')?;
    Some((object, known_inside(inner)?))
}

/// `None` where this is no JSON object.
fn json(text: &[u8]) -> Option<Fields> {
    let Members(members) = serde_json::from_slice(text).ok()?;
    let mut fields = Fields::default();
    for (name, value) in members {
        let value = value.get();
        let known_name = known(&name);
        match (known_name, value.as_bytes().first()) {
            (_, Some(b'{')) => add_object(&mut fields, &name, value),
            (Some(known_name), Some(b'"')) => {
                fields.add(known_name, text_of_json(value.as_bytes())?)
            }
            (None, Some(b'"')) => add_member(&mut fields, &name, value),
            _ => {}
        }
    }
    Some(fields)
}

/// A text whose name means nothing here may still be an object's field or an object, turned into
/// text once more.
fn add_member(fields: &mut Fields, name: &str, value: &str) {
    let Some(text) = text_of_json(value.as_bytes()) else {
        return;
    };
    match inside_brackets(name) {
        Some((object, name)) => fields.add_inside(object, name, text),
        None => add_object(fields, name, &text),
    }
}

/// Adds what the phone encrypted, if the text is a JSON object that holds it.
fn add_object(fields: &mut Fields, object: &str, text: &str) {
    if !text.starts_with('{') {
        return;
    }
    let Ok(Members(members)) = serde_json::from_str(text) else {
        return;
    };
    for (name, value) in members {
        if let Some(name) = known_inside(&name)
            && let Some(text) = text_of_json(value.get().as_bytes())
        {
            fields.add_inside(object, name, text);
        }
    }
}

/// `None` where this is no JSON string.
fn text_of_json(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

/// Without a byte-order mark and the spaces around it.
pub(super) fn beginning(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_start();
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start()
}

/// The members of a JSON object in its order, each value as it stands. serde's own collections keep
/// only the last of two with one name, and refuse a body for what nobody reads, such as half an
/// emoji.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
