//! The door: a body becomes named fields, and fields become valid values or an error that names
//! them.

use std::fmt;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Invalid, Result};
use crate::phone::{EncryptedData, Undecodable};
use crate::values::{LoginCode, OpenId};

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What pages send for a variable that they never set.
const NOTHING: &[&str] = &["", "undefined", "null", "NaN", "[object Object]"];

/// The fields that pages send, by any of their names.
const LOGIN_CODE: &[&str] = &["jsCode", "code", "js_code"];
const OPENID: &[&str] = &["openid", "openId"];
const ENCRYPTED_DATA: &str = "encryptedData";
const IV: &str = "iv";

/// The text fields of a body that mean something here, in its order. Fields of other types count
/// as missing.
pub struct Fields(Vec<(&'static str, String)>);

impl Fields {
    pub fn login_code(&self) -> Result<LoginCode> {
        self.first(LOGIN_CODE)
            .and_then(LoginCode::parse)
            .ok_or(Error::InvalidRequest(Invalid::Field("jsCode")))
    }

    pub fn openid(&self) -> Result<OpenId> {
        let text = self.first(OPENID).ok_or(Error::InvalidRequest(Invalid::MissingOpenId))?;
        OpenId::parse(text).ok_or(Error::InvalidRequest(Invalid::Field("openid")))
    }

    pub fn encrypted_data(&self) -> Result<EncryptedData> {
        let field = |name| self.first(&[name]).ok_or(Error::InvalidRequest(Invalid::Field(name)));
        EncryptedData::parse(field(ENCRYPTED_DATA)?, field(IV)?).map_err(|wrong| {
            Error::InvalidRequest(Invalid::Field(match wrong {
                Undecodable::EncryptedData => ENCRYPTED_DATA,
                Undecodable::Iv => IV,
            }))
        })
    }

    /// The first value that says something, by the order of `names`, then by the body's.
    fn first(&self, names: &[&str]) -> Option<&str> {
        let values_of = |name| self.0.iter().filter(move |(key, _)| *key == name);
        names.iter().copied().flat_map(values_of).map(|(_, value)| value.as_str()).find(|value| {
            let bare = value.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
            !NOTHING.contains(&bare)
        })
    }
}

/// The field's name as it stands here, if it is one of those that mean something.
fn known(name: &str) -> Option<&'static str> {
    let names = LOGIN_CODE.iter().chain(OPENID).chain(&[ENCRYPTED_DATA, IV]);
    names.copied().find(|known| *known == name)
}

enum Format {
    Json,
    Form,
}

impl Format {
    fn of(request: &HttpRequest) -> Result<Self> {
        let content_type = request.content_type();
        if content_type.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else if content_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Ok(Self::Form)
        } else {
            Err(Error::UnsupportedMediaType)
        }
    }

    fn read(self, body: &[u8]) -> Result<Fields> {
        match self {
            Self::Json => {
                serde_json::from_slice(body).map_err(|_| Error::InvalidRequest(Invalid::Body))
            }
            Self::Form => {
                let fields = form_urlencoded::parse(body);
                let known = fields.filter_map(|(name, value)| Some((known(&name)?, value)));
                Ok(Fields(known.map(|(name, value)| (name, value.into_owned())).collect()))
            }
        }
    }
}

impl FromRequest for Fields {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let format = Format::of(request);
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let format = format?;
            let body = body.await.map_err(|error| match error.as_error() {
                Some(PayloadError::Overflow) => Error::PayloadTooLarge,
                _ => Error::InvalidRequest(Invalid::Body),
            })?;
            format.read(&body)
        })
    }
}

impl<'de> Deserialize<'de> for Fields {
    /// By hand, as a map would keep only the last of two fields of one name.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    match name {
                        Some(name) => {
                            let Value(value) = map.next_value()?;
                            fields.extend(value.map(|value| (name, value)));
                        }
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// The name of a field, kept if it means something.
struct Name(Option<&'static str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> std::result::Result<Name, E> {
                Ok(Name(known(name)))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A JSON value, kept if it is text.
struct Value(Option<String>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
        Ok(Value(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> std::result::Result<Value, E> {
        Ok(Value(Some(text)))
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }
}
