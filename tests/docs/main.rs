//! What the docs name is what the program has, and what they link to is there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on panics")]

mod code;
mod links;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use wxauth::commands::Arguments;
use wxauth::config::VARIABLES;
use wxauth::error;
use wxauth::http::PATHS;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file with this ending, but for what is built or fetched.
fn files(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = directory.read_dir().expect("a directory").map(|entry| entry.expect("an entry"));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name) {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found
}

/// The first cells of a page's tables, without their header.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let lines = text.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = |line: &str| line.split(" | ").map(|cell| cell.trim().to_owned()).collect();
    lines.map(cells).collect()
}

/// `NAME`s that stand in backquotes.
fn quoted_variables(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| is_variable(name)).map(ToOwned::to_owned).collect()
}

fn without_file(name: &str) -> String {
    name.trim_end_matches("_FILE").to_owned()
}

fn is_variable(name: &str) -> bool {
    name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Other programs', which are looked at to say that they do nothing here, or must not be set.
const IGNORED: [&str; 3] = ["HTTPS_PROXY", "ALL_PROXY", "MARIADB_TLS_DISABLE_PEER_VERIFICATION"];

/// The names that stand in the code of src/config as text of their own. That a secret may come from
/// a file is the same variable.
fn variables() -> BTreeSet<String> {
    let mut code = files(&repository().join("src/config"), ".rs");
    // It has the list of them.
    code.retain(|path| !path.ends_with("doubts.rs"));
    let code: String = code.iter().map(|path| fs::read_to_string(path).expect("UTF-8")).collect();
    let found: BTreeSet<String> =
        code.split('"').filter(|text| is_variable(text)).map(without_file).collect();
    let found: BTreeSet<String> =
        found.into_iter().filter(|name| !IGNORED.contains(&name.as_str())).collect();
    assert!(found.contains("DATABASE_URL") && found.contains("BIND"), "{found:?}");
    found
}

#[test]
fn every_variable_is_documented_and_every_documented_one_is_read() {
    let first = rows("docs/configuration.md").into_iter().filter_map(|row| row.into_iter().next());
    let documented: BTreeSet<String> = first.flat_map(|cell| quoted_variables(&cell)).collect();
    assert_eq!(documented, variables(), "docs/configuration.md (left) against src/config");
    let listed: BTreeSet<String> = VARIABLES.into_iter().map(without_file).collect();
    assert_eq!(listed, variables(), "VARIABLES (left) against the rest of src/config");
}

#[test]
fn the_packages_configuration_has_every_variable_and_no_other() {
    let file = read("packaging/wxauth.env");
    let lines = file.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    let named = lines.map(|(name, _)| name).filter(|name| is_variable(name));
    let named: BTreeSet<String> = named.map(without_file).collect();
    assert_eq!(named, variables(), "packaging/wxauth.env (left) against src/config");
}

#[test]
fn the_compose_file_and_the_image_set_variables_that_are_there() {
    let mut compose: serde_norway::Value =
        serde_norway::from_str(&read("compose.yaml")).expect("YAML");
    compose.apply_merge().expect("its aliases lead somewhere");
    let environment =
        |name: &str| compose.get("services")?.get(name)?.get("environment")?.as_mapping();
    let composed = ["migrate", "wxauth"].into_iter().flat_map(|name| {
        let environment = environment(name).expect("variables");
        environment.keys().filter_map(|name| name.as_str()).collect::<Vec<_>>()
    });
    let dockerfile = read("Dockerfile");
    let image = dockerfile.lines().filter_map(|line| line.strip_prefix("ENV ")?.split('=').next());
    let named: BTreeSet<String> = composed.chain(image).map(ToOwned::to_owned).collect();
    assert!(named.contains("WX_SECRET") && named.contains("BIND"), "{named:?}");
    let unknown: Vec<_> = named.difference(&variables()).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_image_is_built_from_every_member_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").expect("the workspace's members");
    let (members, _) = members.split_once(']').expect("an end");
    let members: Vec<_> = members.split('"').skip(1).step_by(2).collect();
    let ignored = read(".dockerignore");
    let let_in: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(members.contains(&"sandbox"), "{members:?}");
    for member in members {
        let directory = member.split('/').next().unwrap_or(member);
        assert!(let_in.contains(directory), "{member} is kept from the image");
    }
}

#[test]
fn both_pages_on_http_list_the_errors_as_they_are() {
    let errors = |page| -> Vec<Vec<String>> {
        let is_error =
            |row: &Vec<String>| row.get(1).is_some_and(|code| code.parse::<u32>().is_ok());
        rows(page).into_iter().filter(is_error).collect()
    };
    let name = |row: &Vec<String>| row.get(2).expect("a name").trim_matches('`').to_owned();
    let (english, chinese) = (errors("docs/http.md"), errors("docs/http.zh-CN.md"));

    let mut names: Vec<String> = english.iter().map(name).collect();
    let key = |row: &Vec<String>| row.get(..3).expect("three cells").to_vec();
    assert_eq!(
        english.iter().map(key).collect::<Vec<_>>(),
        chinese.iter().map(key).collect::<Vec<_>>()
    );
    let mut known = error::NAMES.map(ToOwned::to_owned).to_vec();
    names.sort();
    known.sort();
    assert_eq!(names, known);

    let code = read("src/error.rs");
    for row in english.iter().chain(&chinese) {
        let (name, toast) = (name(row), row.get(3).expect("a sentence"));
        let line = code.lines().find(|line| line.contains(&format!("\"{name}\", ")));
        assert!(line.is_some_and(|line| line.contains(toast.as_str())), "{name}: {toast}");
    }
}

#[test]
fn both_pages_on_http_say_what_an_untouched_page_does_with_each_error() {
    for (page, heading) in [
        ("docs/http.md", "**What a page of 2019 does"),
        ("docs/http.zh-CN.md", "**2019 年的老页面"),
    ] {
        let text = read(page);
        let (_, part) = text.split_once(heading).expect("the heading is there");
        let missing: Vec<_> =
            error::NAMES.iter().filter(|name| !part.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{page}: {missing:?}");
    }
}

#[test]
fn both_pages_on_errors_have_a_part_for_each() {
    for page in ["docs/errors.md", "docs/errors.zh.md"] {
        let text = read(page);
        let parts: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(parts, BTreeSet::from(error::NAMES), "{page}");
    }
}

/// What stands there in backquotes; a `…` is something that the program fills in.
#[test]
fn every_line_of_the_log_that_operators_look_up_is_one_that_the_program_writes() {
    let page = read("docs/operate.md");
    let (_, table) = page.split_once("| in the log |").expect("the table is there");
    let code = files(&repository().join("src"), ".rs");
    let code: String = code.iter().map(|path| fs::read_to_string(path).expect("UTF-8")).collect();
    // A long text goes on in the next line of code.
    let code: Vec<&str> = code.split("\\\n").map(str::trim_start).collect();
    let code = code.concat();
    let cells = table.lines().skip(2).filter_map(|row| row.split('|').nth(1));
    let lines: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let is_written = match line.strip_prefix("error=") {
            Some(name) => error::NAMES.contains(&name),
            None => line.split('…').all(|part| code.contains(part.trim_start())),
        };
        assert!(is_written, "{line}");
    }
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let sources = files(&repository().join("src"), ".rs");
    let parts = sources.iter().flat_map(|path| path.iter().filter_map(|part| part.to_str()));
    let there: BTreeSet<&str> = parts.map(|part| part.trim_end_matches(".rs")).collect();
    let cells = rows("ARCHITECTURE.md").concat();
    let quoted = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let is_file =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"_/.".contains(&byte));
    let names: Vec<&str> = quoted.filter(is_file).collect();
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        let file = name.trim_end_matches(".rs").trim_end_matches('/');
        assert!(file.split('/').all(|part| there.contains(part)), "{name}");
    }
}

#[test]
fn every_command_stands_in_the_docs() {
    let docs: String = files(&repository().join("docs"), ".md")
        .iter()
        .map(|path| fs::read_to_string(path).expect("UTF-8"))
        .collect();
    let command = Arguments::command();
    for command in command.get_subcommands() {
        let leaves: Vec<_> = command.get_subcommands().map(|leaf| leaf.get_name()).collect();
        let name = command.get_name();
        let all: Vec<String> = match leaves.is_empty() {
            true => vec![format!("wxauth {name}")],
            false => leaves.iter().map(|leaf| format!("wxauth {name} {leaf}")).collect(),
        };
        for words in all {
            assert!(docs.contains(&words), "no page has {words:?}");
        }
    }
}

/// The page itself is compared with what a server tells, in the contract's tests.
#[test]
fn alerts_and_dashboard_ask_for_metrics_that_are_there() {
    let page = read("docs/metrics.md");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    for path in ["packaging/prometheus/wxauth.rules.yaml", "packaging/grafana/wxauth.json"] {
        let text = read(path);
        let names = text.split(|c| !is_name(c)).filter(|name| name.starts_with("wxauth_"));
        let families: BTreeSet<&str> = names.map(family).collect();
        assert!(families.len() > 2, "{path}: {families:?}");
        for family in families {
            assert!(page.contains(&format!("`{family}`")), "{path} asks for {family}");
        }
    }
}

/// A label that is misspelt finds no series, and its alert never fires.
#[test]
fn alerts_and_dashboard_ask_for_outcomes_and_endpoints_that_are_there() {
    let known: BTreeSet<&str> =
        error::NAMES.into_iter().chain(PATHS).chain(["ok", "other"]).collect();
    for path in ["packaging/prometheus/wxauth.rules.yaml", "packaging/grafana/wxauth.json"] {
        let text = read(path).replace(['\\', '\n', ' '], "");
        let values = ["outcome", "endpoint"].into_iter().flat_map(|label| {
            let asked = text.split(label).filter_map(|rest| {
                rest.trim_start_matches(['=', '!', '~']).strip_prefix('"')?.split('"').next()
            });
            asked.flat_map(|values| values.split('|')).collect::<Vec<_>>()
        });
        let values: BTreeSet<&str> = values.collect();
        assert!(values.contains("/getWXUserPhone"), "{path}: {values:?}");
        let unknown: Vec<_> = values.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} asks for {unknown:?}");
    }
}

/// A histogram's series are called after it.
fn family(series: &str) -> &str {
    let endings = ["_bucket", "_count", "_sum"];
    endings.iter().find_map(|ending| series.strip_suffix(ending)).unwrap_or(series)
}

#[test]
fn the_readmes_are_short_and_have_the_same_figures() {
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    for text in [&english, &chinese] {
        assert!(text.lines().count() <= 150);
    }
    let figures = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains(" % |"));
        rows.map(|row| row.split(" | ").skip(1).collect::<Vec<_>>().join(" | ")).collect()
    };
    assert!(figures(&english).len() > 4);
    assert_eq!(figures(&english), figures(&chinese));
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let broken: Vec<String> = pages().iter().flat_map(|page| links::broken(page)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn pages() -> Vec<PathBuf> {
    let pages = files(repository(), ".md");
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

#[test]
fn every_block_of_code_can_be_read() {
    let mut read = 0;
    for (page, code) in blocks() {
        read += u32::from(!code.language.is_empty());
        if let Some(error) = code::syntax_error(&code) {
            panic!("{}: {error}\n{}", page.display(), code.text);
        }
    }
    assert!(read > 20, "{read}");
}

/// Every block of code, with its page.
fn blocks() -> impl Iterator<Item = (PathBuf, code::Code)> {
    pages().into_iter().flat_map(|page| {
        let blocks = code::of_page(&page);
        blocks.into_iter().map(move |block| (page.clone(), block))
    })
}

#[test]
fn every_call_of_wxauth_is_one_that_it_takes() {
    let mut found = 0;
    for (page, code) in blocks() {
        for call in code::calls(&code) {
            found += 1;
            let refusal = code::refusal(&code, &call);
            assert!(refusal.is_none(), "{}: {call:?}: {refusal:?}", page.display());
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
fn every_script_that_is_called_is_there_and_knows_its_options() {
    let mut found = 0;
    for (page, code) in blocks() {
        for (script, options) in code::scripts(&code) {
            found += 1;
            let path = repository().join(script);
            assert!(path.exists(), "{}: {script}", page.display());
            let text = fs::read_to_string(path).unwrap_or_default();
            let unknown: Vec<_> = options.iter().filter(|it| !text.contains(**it)).collect();
            assert!(unknown.is_empty(), "{}: {script} {unknown:?}", page.display());
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn every_page_names_this_version() {
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("UTF-8");
        for rest in text.split("wxauth_").skip(1).filter(|rest| rest.starts_with(char::is_numeric))
        {
            found += 1;
            assert!(
                rest.starts_with(concat!(env!("CARGO_PKG_VERSION"), "-1_")),
                "{}: wxauth_{}",
                page.display(),
                rest.chars().take(20).collect::<String>()
            );
        }
    }
    assert!(found > 2, "{found}");
}
