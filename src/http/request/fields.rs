//! The fields that mean something here, by any of their names, and what counts as a value.

use crate::error::{Error, Invalid, Result};
use crate::phone::{EncryptedData, Undecodable};
use crate::values::{LoginCode, OpenId};

/// What pages send for a variable that they never set.
const NOTHING: &[&str] = &["", "undefined", "null", "NaN", "[object Object]"];

/// `code` comes last: pages that post the whole `e.detail` send the phone component's under it.
const LOGIN_CODE: &[&str] = &["jsCode", "js_code", "jscode", CODE];
const CODE: &str = "code";
const OPENID: &[&str] = &["openid", "openId", "open_id"];
const ENCRYPTED_DATA: &str = "encryptedData";
const IV: &str = "iv";

/// The text fields of a request that mean something here, in its order. Fields of other types count
/// as missing.
#[derive(Default)]
pub struct Fields {
    top: Vec<Field>,
    /// Of each object one level down, by its name: what the phone encrypted, and nothing else. A
    /// code or an openid there belongs to somebody else.
    inner: Vec<(String, Vec<Field>)>,
}

type Field = (&'static str, String);

/// Objects one level down that are looked at; pages have one.
const MAX_OBJECTS: usize = 8;

/// The field's name as it stands here, if it is one of those that mean something.
pub(super) fn known(name: &str) -> Option<&'static str> {
    let names = LOGIN_CODE.iter().chain(OPENID).chain(&[ENCRYPTED_DATA, IV]);
    names.copied().find(|known| *known == name)
}

/// The same for one that stands one level down.
pub(super) fn known_inside(name: &str) -> Option<&'static str> {
    [ENCRYPTED_DATA, IV].into_iter().find(|known| *known == name)
}

impl Fields {
    pub fn login_code(&self) -> Result<LoginCode> {
        first(&self.top, LOGIN_CODE)
            .and_then(|text| LoginCode::parse(bare(text)))
            .ok_or(Error::InvalidRequest(Invalid::Field("jsCode")))
    }

    pub fn openid(&self) -> Result<OpenId> {
        let text = first(&self.top, OPENID).ok_or(Error::InvalidRequest(Invalid::MissingOpenId))?;
        OpenId::parse(bare(text)).ok_or(Error::InvalidRequest(Invalid::Field("openid")))
    }

    /// Data and iv from one object, the top level first: those of two do not belong together.
    pub fn encrypted_data(&self) -> Result<EncryptedData> {
        let pairs =
            self.objects().map(|object| (first(object, &[ENCRYPTED_DATA]), first(object, &[IV])));
        let pair = pairs.clone().find_map(|(data, iv)| Some((data?, iv?)));
        let Some((data, iv)) = pair else {
            let has_data = pairs.clone().any(|(data, _)| data.is_some());
            return Err(Error::InvalidRequest(self.missing(has_data)));
        };
        EncryptedData::parse(data, iv).map_err(|wrong| {
            Error::InvalidRequest(Invalid::Field(match wrong {
                Undecodable::EncryptedData => ENCRYPTED_DATA,
                Undecodable::Iv => IV,
            }))
        })
    }

    fn missing(&self, has_data: bool) -> Invalid {
        let code = first(&self.top, &[CODE]).and_then(|text| LoginCode::parse(bare(text)));
        match code {
            _ if has_data => Invalid::Field(IV),
            Some(code) if code.is_like_a_phone_code() => Invalid::PhoneCode,
            _ => Invalid::Field(ENCRYPTED_DATA),
        }
    }

    fn objects(&self) -> impl Iterator<Item = &[Field]> + Clone {
        let inner = self.inner.iter().map(|(_, fields)| fields.as_slice());
        std::iter::once(self.top.as_slice()).chain(inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.top.is_empty() && self.inner.is_empty()
    }

    pub(super) fn add(&mut self, name: &'static str, text: String) {
        self.top.push((name, text));
    }

    /// Adds a field of the object that stands under the name `object`.
    pub(super) fn add_inside(&mut self, object: &str, name: &'static str, text: String) {
        let is_full = self.inner.len() >= MAX_OBJECTS;
        match self.inner.iter_mut().find(|(known, _)| known == object) {
            Some((_, fields)) => fields.push((name, text)),
            None if is_full => {}
            None => self.inner.push((object.to_owned(), vec![(name, text)])),
        }
    }

    /// These fields win over those.
    pub(super) fn followed_by(mut self, later: Self) -> Self {
        self.top.extend(later.top);
        self.inner.extend(later.inner);
        self
    }
}

/// The first value that says something, by the order of `names`, then by the request's.
fn first<'a>(fields: &'a [Field], names: &[&str]) -> Option<&'a str> {
    let values_of = |name| fields.iter().filter(move |(key, _)| *key == name);
    let mut values = names.iter().copied().flat_map(values_of).map(|(_, value)| value.as_str());
    values.find(|value| !NOTHING.contains(&bare(value)))
}

/// Without the spaces and quotes that some pages send around a value: they stored it as JSON twice.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
}
