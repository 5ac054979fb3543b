//! Which file may import what: imports run one way, and never in a circle.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on panics")]

mod imports;

use std::path::Path;

use self::imports::Imports;

/// The rooms of `src`, from the ground up. A room imports only from floors below its own; rooms on
/// one floor do not know each other.
const FLOORS: &[&[&str]] = &[
    &["schema", "values"],
    &["config"],
    &["logging"],
    &["metrics", "sealing"],
    &["store", "wechat"],
    &["arrivals", "key_ages", "limits"],
    &["error"],
    &["login", "phone", "purge"],
    &["http"],
    &["commands"],
];

fn imports_of(directory: &str) -> Imports {
    Imports::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

#[test]
fn a_room_imports_only_from_the_floors_below_it() {
    let imports = imports_of("src");
    let mut wrong = Vec::new();
    for (file, imported) in imports.pairs() {
        let (room, imported_room) = (imports::room(file), imports::room(imported));
        // The crate's root is a table of contents, and belongs to no room.
        if room.is_empty() || room == imported_room {
            continue;
        }
        let is_below = match (floor_of(room), floor_of(imported_room)) {
            (Some(floor), Some(imported_floor)) => imported_floor < floor,
            _ => false,
        };
        if !is_below {
            wrong.push(format!("{file} imports {imported}"));
        }
    }
    assert!(wrong.is_empty(), "rooms are listed in FLOORS, and import from below: {wrong:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for directory in ["src", "sandbox/src", "bench/src"] {
        let circle = imports_of(directory).circle();
        assert!(circle.is_empty(), "{directory}: each imports the next: {circle:#?}");
    }
}

#[test]
fn a_circle_and_every_form_of_import_are_seen() {
    let imports = Imports::of(&[
        ("", "mod a; mod b;"),
        ("a", "use super::b::{self as other, Thing};"),
        ("b", "mod c; fn f() { c::g() }"),
        ("b::c", "pub(in crate::b) fn g() -> crate::a::Thing { todo() }"),
    ]);
    let pairs: Vec<_> = imports.pairs().collect();
    assert_eq!(pairs, [("a", "b"), ("b", "b::c"), ("b::c", "a")]);
    assert_eq!(imports.circle().len(), 3, "{:?}", imports.circle());
}
