//! A phone number as WeChat gives it.

use std::fmt;

/// A user's phone number as WeChat gave it. Secret, so its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    /// Digits; a foreign number starts with a plus and its area code.
    pub phone_number: String,
    /// Digits, without the area code: how `phone_number` ends.
    pub pure_phone_number: String,
    /// Digits.
    pub country_code: String,
    /// When WeChat made the data, seconds since 1970.
    pub watermark: i64,
}

impl Phone {
    /// Whether `other` changes nothing about this stored phone: it comes from older data, or from
    /// the same. The same number from newer data does: it moves the watermark forward, or an older
    /// replay of a third number would pass.
    pub fn is_settled_by(&self, other: &Self) -> bool {
        let is_same = self.watermark == other.watermark && self.is_same_number(other);
        is_same || self.watermark > other.watermark
    }

    /// Whether the number is the same, whenever it was authorised.
    pub fn is_same_number(&self, other: &Self) -> bool {
        self.phone_number == other.phone_number
            && self.pure_phone_number == other.pure_phone_number
            && self.country_code == other.country_code
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}
