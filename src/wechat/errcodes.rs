//! What each of WeChat's errcodes means for a login: one table, from which the log, doctor and the
//! metrics' words are made, and with which a test compares the documentation.
//!
//! Sources: WeChat's documentation of `auth.code2Session` and its table of global return codes;
//! 40163 and 50002 are in neither, and were seen in public logs.

/// Whose matter a refusal is, and so what the page is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The code is no good: the page has to log in again.
    Code,
    /// The user is blocked, and logging in again does not help.
    User,
    /// One user logs in too often.
    Rate,
    /// The quota of the whole app is used up.
    Quota,
    /// Only the operator can help.
    Operator,
    /// WeChat is busy, and has not consumed the code.
    Busy,
    /// An answer that no login should get.
    Unusable,
}

/// A row of the table.
#[derive(Debug)]
pub struct Errcode {
    /// The number as text, as metrics name it.
    pub name: &'static str,
    pub class: Class,
    pub meaning: &'static str,
    /// What whoever reads the log can do; empty where there is nothing.
    pub advice: &'static str,
}

const fn row(
    name: &'static str,
    class: Class,
    meaning: &'static str,
    advice: &'static str,
) -> Errcode {
    Errcode { name, class, meaning, advice }
}

/// Every errcode that is known to concern logins. Whatever else comes is counted as one.
#[rustfmt::skip]
pub const ERRCODES: [Errcode; 19] = [
    row("-1", Class::Busy, "WeChat's system is busy", ""),
    row("40001", Class::Unusable, "an access_token is wrong, though a login has none", "check what WX_API_BASE leads to"),
    row("40002", Class::Operator, "grant_type was not understood", "check what WX_API_BASE leads to: something on the way changes parameters"),
    row("40013", Class::Operator, "there is no mini-program of this appid", "correct WX_APPID by the mini-program's console"),
    row("40029", Class::Code, "the code is wrong, expired or of another app", ""),
    row("40125", Class::Operator, "the secret is not this appid's", "correct WX_SECRET; if it was reset in the mini-program's console, take the new one"),
    row("40163", Class::Code, "the code has been used", ""),
    row("40164", Class::Operator, "this server's address is not on the app's allow-list", "add the address to the list in the mini-program's console (development settings, IP allow-list)"),
    row("40226", Class::User, "the user counts as a high risk, and is blocked", ""),
    row("40243", Class::Operator, "the app secret is frozen", "unfreeze it in the mini-program's console; that takes ten minutes to work"),
    row("41002", Class::Operator, "no appid arrived", "check WX_APPID, and what WX_API_BASE leads to: something on the way drops parameters"),
    row("41003", Class::Operator, "a parameter is missing", "check what WX_API_BASE leads to: something on the way drops parameters"),
    row("41004", Class::Operator, "no secret arrived", "check WX_SECRET, and what WX_API_BASE leads to: something on the way drops parameters"),
    row("41008", Class::Unusable, "no code arrived", "check what WX_API_BASE leads to: something on the way drops parameters"),
    row("42001", Class::Unusable, "an access_token has expired, though a login has none", "check what WX_API_BASE leads to"),
    row("45009", Class::Quota, "the app's quota of calls is used up", "raise it in the mini-program's console, or reset it with WeChat's clear_quota; until then logins pause"),
    row("45011", Class::Rate, "a user logged in more than 100 times in a minute", ""),
    row("48001", Class::Operator, "the app may not use this API", "check the mini-program's state and permissions in its console"),
    row("50002", Class::Operator, "the account is limited or frozen", "look for WeChat's notice in the mini-program's console"),
];

impl Errcode {
    /// The row of a number; `None` for one that nobody has heard of.
    pub fn find(number: i64) -> Option<&'static Self> {
        const TABLE: &[Errcode] = &ERRCODES;
        TABLE.iter().find(|row| row.name.parse() == Ok(number))
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_number_and_says_what_only_the_operator_can_do() {
        for row in &ERRCODES {
            let number = row.name.parse().expect(row.name);
            let found = Errcode::find(number).expect(row.name);
            assert_eq!(found.name, row.name);
            let is_the_operators = matches!(row.class, Class::Operator | Class::Quota);
            assert!(!is_the_operators || !row.advice.is_empty(), "{}", row.name);
        }
        assert!(Errcode::find(0).is_none() && Errcode::find(47_001).is_none());
    }
}
