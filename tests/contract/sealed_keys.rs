//! What a sealed key looks like, and that nothing opens but what was sealed for its row.

use wxauth::sealing::{Sealer, Unreadable};
use wxauth::values::{KeySecrets, OpenId, SealedKey, SessionKey};

const A: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const B: &str = "b:/v38+/r5+Pf29fTz8vHw7+7t7Ovq6ejn5uXk4+Lh4N8=";
/// What the column holds.
const MAX_LENGTH: usize = 255;

fn sealer(list: &str) -> Sealer {
    Sealer::new(&KeySecrets::parse(list).expect("a list"))
}

fn openid(text: &str) -> OpenId {
    OpenId::parse(text).expect("an openid")
}

fn key(byte: u8) -> SessionKey {
    SessionKey::from_bytes(&[byte; SessionKey::LENGTH]).expect("16 bytes")
}

fn stored(text: &str) -> SealedKey {
    SealedKey::new(text.to_owned())
}

fn seal(list: &str, openid: &OpenId, key: &SessionKey) -> SealedKey {
    sealer(list).seal(openid, key).expect("random bytes")
}

#[test]
fn every_entry_opens_what_it_sealed_wherever_it_stands_in_the_list() {
    let (alice, key) = (openid("oAlice"), key(7));
    for first in ["plain", A, B] {
        let sealed = seal(first, &alice, &key);
        for list in [format!("plain,{A},{B}"), format!("{B}, {A} ,plain")] {
            let opened = sealer(&list).open(&alice, &key.fingerprint(), &sealed);
            assert_eq!(opened, Ok(key.clone()), "{first} in {list}");
        }
    }
}

#[test]
fn a_plain_key_is_stored_as_wechat_gave_it_and_a_sealed_one_fits_its_column() {
    let (alice, key) = (openid(&"o".repeat(64)), key(7));
    assert_eq!(seal("plain", &alice, &key).expose(), "BwcHBwcHBwcHBwcHBwcHBw==");
    let long_name = A.replace("a:", &format!("{}:", "n".repeat(32)));
    let sealed = seal(&long_name, &alice, &key);
    assert!(sealed.expose().len() <= MAX_LENGTH, "{}", sealed.expose().len());
    assert_ne!(sealed, seal(&long_name, &alice, &key), "each nonce is another one");
}

/// Written down, so that every later version opens what this one has sealed.
#[test]
fn the_format_stays() {
    let sealed = stored("a:ZGVmZ2hpamtsbW5v14ZLiy5j8cU2nymdIVuvRv0yoAjc43oH2bnrXe+fB7Y=");
    let opened = sealer(A).open(&openid("oAlice"), &key(7).fingerprint(), &sealed);
    assert_eq!(opened, Ok(key(7)));
}

#[test]
fn no_bit_can_be_flipped_and_nothing_be_cut_off_or_added() {
    let (alice, key) = (openid("oAlice"), key(7));
    for first in ["plain", A] {
        // `c` is a bit away from `a`.
        let list = format!("{first},{}", B.replace("b:", "c:"));
        let sealed = seal(&list, &alice, &key);
        let text = sealed.expose();
        let assert_refused = |changed: &str| {
            let opened = sealer(&list).open(&alice, &key.fingerprint(), &stored(changed));
            assert!(opened.is_err(), "{changed} for {text}");
        };
        for index in 0..text.len() {
            assert_refused(&text[..index]);
            for bit in 0..7 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[index] ^= 1 << bit;
                assert_refused(&String::from_utf8(bytes).expect("ASCII"));
            }
        }
        for changed in [format!("{text}A"), format!("{text}="), format!(" {text}")] {
            assert_refused(&changed);
        }
    }
}

#[test]
fn what_was_sealed_for_one_row_or_name_opens_in_no_other() {
    let (alice, bob, key, other) = (openid("oAlice"), openid("oBob"), key(7), key(8));
    let both = sealer(&format!("{A},{B}"));
    let sealed = seal(A, &alice, &key);
    assert_eq!(both.open(&bob, &key.fingerprint(), &sealed), Err(Unreadable::Changed));
    assert_eq!(both.open(&alice, &other.fingerprint(), &sealed), Err(Unreadable::Changed));
    let renamed = stored(&sealed.expose().replace("a:", "b:"));
    assert_eq!(both.open(&alice, &key.fingerprint(), &renamed), Err(Unreadable::Changed));
    let same_secret = sealer(&A.replace("a:", "b:"));
    assert_eq!(same_secret.open(&alice, &key.fingerprint(), &renamed), Err(Unreadable::Changed));
    let plain = seal("plain", &alice, &key);
    let opened = sealer("plain").open(&alice, &other.fingerprint(), &plain);
    assert_eq!(opened, Err(Unreadable::Changed), "the row has another key's fingerprint");
}

#[test]
fn an_entry_that_is_not_listed_is_named() {
    let (alice, key) = (openid("oAlice"), key(7));
    for (writing, name) in [(A, "a"), ("plain", "plain")] {
        let sealed = seal(writing, &alice, &key);
        let opened = sealer(B).open(&alice, &key.fingerprint(), &sealed);
        assert_eq!(opened, Err(Unreadable::Unlisted(name.to_owned())));
    }
    for text in ["plain:x", "a b:x", ":x", "é:x", ""] {
        let opened = sealer("plain").open(&alice, &key.fingerprint(), &stored(text));
        assert_eq!(opened, Err(Unreadable::Changed), "{text}");
    }
}

#[test]
fn a_list_is_refused_by_the_number_of_its_entry_and_never_shown() {
    let long = A.replace("Hh8=", "Hh8g");
    let too_many: Vec<_> =
        (0..17).map(|n| A.replace("a:A", &format!("n{n}:{}", char::from(b'A' + n)))).collect();
    for (list, says) in [
        ("", "entry 1 is neither"),
        ("plain,", "entry 2 is neither"),
        ("plain,,plain", "entry 2 is neither"),
        ("plain,plain", "entry 2 has the name"),
        ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "entry 1 is neither"),
        (&format!("plain,{}", A.replace("a:", ":")), "entry 2 has a name that is not"),
        (&A.replace("a:", "plain:"), "entry 1 has a name that is not"),
        (&A.replace("a:", "a b:"), "entry 1 has a name that is not"),
        (&A.replace("a:", &format!("{}:", "n".repeat(33))), "entry 1 has a name that is not"),
        ("a:c2hvcnQ=", "entry 1 has a secret that is not 32 bytes"),
        ("a:", "entry 1 has a secret that is not 32 bytes"),
        (&long, "entry 1 has a secret that is not 32 bytes"),
        (&A.replace("8=", "9="), "entry 1 is not base64"),
        (&A.replace("AAEC", "AA C"), "entry 1 is not base64"),
        (&format!("{A},{}", B.replace("b:", "a:")), "entry 2 has the name"),
        (&format!("{A},{}", A.replace("a:", "b:")), "entry 2 has the secret"),
        (&too_many.join(","), "more than 16 entries"),
    ] {
        let error = KeySecrets::parse(list).expect_err(list);
        assert!(error.contains(says), "{list}: {error}");
        assert!(!error.contains("AwQF") && !error.contains("c2hvcnQ"), "{error}");
    }
    let shown = format!("{:?}", KeySecrets::parse(A).expect("a list"));
    assert!(
        shown.contains('a') && !shown.contains("AwQF") && !shown.contains("1, 2, 3"),
        "{shown}"
    );
}
