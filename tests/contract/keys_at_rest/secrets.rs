//! `SESSION_KEY_SECRETS` and its file, `wxauth secret`, and SIGHUP.

use super::{A, B, SECRETS, stored_keys};
use crate::harness::{Finished, Server, TemporaryFile, World};

#[test]
fn a_malformed_list_stops_the_start_with_one_line_that_shows_nothing_of_it() {
    let world = World::new();
    let empty = TemporaryFile::new("secrets", " \n");
    for (name, value, says) in [
        (SECRETS, "canary", "entry 1 is neither plain nor has a colon"),
        (SECRETS, "plain,a:Y2FuYXJ5", "entry 2 has a secret that is not 32 bytes"),
        (SECRETS, "a:canary!", "entry 1 is not base64"),
        (SECRETS, "plain,plain", "entry 2 has the name of another one"),
        ("SESSION_KEY_SECRETS_FILE", empty.path(), "is empty"),
        ("SESSION_KEY_SECRETS_FILE", "/does/not/exist", "cannot be read"),
    ] {
        let mut variables = world.variables();
        variables.retain(|(name, _)| *name != SECRETS);
        let (status, log) = Server::spawn(&["serve"], &variables, &[(name, value)]).wait();
        assert_eq!(status.code(), Some(1), "{name}={value}: {log}");
        assert_eq!(log.lines().count(), 1, "{name}={value}: {log}");
        assert!(log.contains(name) && log.contains(says), "{name}={value}: {log}");
        assert!(!log.contains("canary") && !log.contains("Y2Fu"), "{name}={value}: {log}");
    }
    let both = [(SECRETS, A), ("SESSION_KEY_SECRETS_FILE", "/etc/hostname")];
    let (status, log) = Server::spawn(&["serve"], &world.variables(), &both).wait();
    assert!(status.code() == Some(1) && log.contains("both set"), "{log}");
}

#[test]
fn a_secret_is_made_that_serves_as_it_is() {
    let world = World::new();
    let make = |arguments: &[&str]| {
        let made = Finished::of(arguments, &[], b"");
        made.assert_ok().stdout.trim_end().to_owned()
    };
    let (one, other) = (make(&["secret", "one"]), make(&["secret"]));
    assert!(one.starts_with("one:") && one.len() == "one:".len() + 44, "its form");
    assert_ne!(
        one.rsplit_once(':').map(|(_, secret)| secret),
        other.rsplit_once(':').map(|(_, secret)| secret)
    );
    world.server_with(&[(SECRETS, &format!("{one},{other}"))]).wait_for_line("stored under one");
    for name in ["plain", "a b", "", &"n".repeat(33)] {
        assert_eq!(Finished::of(&["secret", name], &[], b"").code, Some(2), "{name}");
    }
}

#[actix_rt::test]
async fn on_sighup_the_file_is_read_again_and_a_bad_one_changes_nothing() {
    let world = World::new();
    let file = TemporaryFile::new("secrets", format!("{A}\n"));
    let mut variables = world.variables();
    variables.retain(|(name, _)| *name != SECRETS);
    let server = Server::start(&variables, &[("SESSION_KEY_SECRETS_FILE", file.path())]);
    let page = server.client();
    server.wait_for_line("stored under a, read under a");
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");

    std::fs::write(file.path(), "a:canary").expect("the temporary directory can be written");
    server.signal("HUP");
    let line = server.line("the secrets of before stay in use").await;
    assert!(line.contains("ERROR") && !line.contains("canary"), "{line}");
    page.post_phone(&openid, &data).await.assert_ok();

    std::fs::write(file.path(), format!("{B},{A}")).expect("the same");
    server.signal("HUP");
    server.line("stored under b, read under b, a").await;
    page.post_phone(&openid, &data).await.assert_ok();
    page.log_in_rotating(&world, "alice").await;
    let stored = stored_keys(&world.database);
    assert_eq!(stored.iter().filter(|key| key.starts_with("b:")).count(), 1, "{stored:?}");
}

#[test]
fn imported_keys_are_sealed_too_and_stay_as_they_are_without_secrets() {
    let world = World::new();
    let key = "AAECAwQFBgcICQoLDA0ODw==";
    let file = TemporaryFile::new("users.csv", format!("openid,session_key\noAlice,{key}\n"));
    super::run_with(&world, A, &["migrate"]).assert_ok();
    super::run_with(&world, "plain", &["users", "import", file.path()]).assert_ok();
    assert_eq!(stored_keys(&world.database), [key]);
    world.database.execute("DELETE FROM sessions");

    super::run_with(&world, A, &["users", "import", file.path()]).assert_ok();

    let stored = stored_keys(&world.database);
    assert!(matches!(&stored[..], [sealed] if sealed.starts_with("a:")), "{stored:?}");
    let check = super::run_with(&world, A, &["sessions", "reencrypt", "--check", "--json"]);
    assert_eq!(check.assert_ok().json()["already_there"], 1);
}
