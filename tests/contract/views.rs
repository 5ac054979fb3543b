//! The views that others read: what is in them, what is not, and that they are quick.

use crate::harness::{World, docs_page};

const KEY: &str = "Y2FuYXJ5LXNlc3Npb24tMQ==";

#[actix_rt::test]
async fn the_views_show_a_user_and_their_keys_and_no_secret() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();
    page.log_in_rotating(&world, "alice").await;
    world.database.execute(
        "UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR ORDER BY issued_at LIMIT 1",
    );
    let database = &world.database;

    let user = format!("FROM user_overview WHERE openid = '{openid}'");
    assert_eq!(database.value("pure_phone_number", &user).as_deref(), Some("13580006666"));
    assert_eq!(database.value("country_code", &user).as_deref(), Some("86"));
    assert!(database.value("phone_updated_at", &user).is_some());

    let keys = format!("FROM session_overview WHERE openid = '{openid}' ORDER BY issued_at DESC");
    let of_keys = |column: &str| database.column(column, &keys).into_iter().flatten().collect();
    let active: Vec<String> = of_keys("active");
    assert_eq!(active, ["1", "0"]);
    let left: Vec<String> = of_keys("seconds_left");
    assert!((259_000..=259_200).contains(&left[0].parse::<u32>().expect("seconds")), "{left:?}");
    assert_eq!(left[1], "0");
    let ids: Vec<String> = of_keys("user_id");
    assert_eq!(ids[0], database.value("id", &user).expect("every user has one"));
}

#[test]
fn the_columns_are_the_documented_ones() {
    let world = World::new();
    drop(world.server());
    let docs = docs_page("admin");

    for view in ["session_overview", "user_overview"] {
        let row = docs.lines().find(|line| line.starts_with(&format!("| `{view}` |")));
        let columns = row.and_then(|row| row.split('|').nth(3)).expect("the docs list them");
        let documented: Vec<&str> = columns.split('`').skip(1).step_by(2).collect();
        let rest = format!(
            "FROM information_schema.columns WHERE table_schema = DATABASE()
             AND table_name = '{view}' ORDER BY ordinal_position"
        );
        let stored: Vec<_> =
            world.database.column("column_name", &rest).into_iter().flatten().collect();
        assert_eq!(stored, documented, "{view}");
        assert!(!stored.iter().any(|name| name.contains("session_key") || name.contains("code_")));
    }
}

#[test]
fn queries_on_the_views_use_the_indexes_of_the_tables() {
    let world = World::new();
    drop(world.server());
    for number in 0..20 {
        world.database.insert_login(&format!("user{number}"), KEY);
    }

    for (query, table, index) in [
        ("SELECT * FROM session_overview WHERE openid = 'user7'", "sessions", "PRIMARY"),
        ("SELECT * FROM session_overview WHERE openid = 'user7'", "users", "users_openid"),
        (
            "SELECT openid FROM session_overview WHERE expires_at > UTC_TIMESTAMP(3) + INTERVAL 9 DAY",
            "sessions",
            "sessions_expires_at",
        ),
        ("SELECT * FROM user_overview WHERE openid = 'user7'", "users", "users_openid"),
        ("SELECT * FROM user_overview WHERE id = 7", "users", "PRIMARY"),
        (
            "SELECT * FROM user_overview WHERE pure_phone_number = '13580006666'",
            "users",
            "users_pure_phone_number",
        ),
    ] {
        let explained = world.database.explain(query);
        let read = (table.to_owned(), Some(index.to_owned()));
        assert!(explained.contains(&read), "{query}: {explained:?}");
        // A view that is not merged is read as a table of its own first.
        assert!(explained.iter().all(|(table, _)| !table.starts_with('<')), "{explained:?}");
    }
}
