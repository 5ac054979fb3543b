//! The code of a page: its blocks, and the commands in them and in its sentences.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use wxauth::commands::Arguments;

/// A block, or what stands in backquotes in a sentence.
pub struct Code {
    /// `sh`, `js`, …, or nothing.
    pub language: String,
    pub text: String,
}

pub fn of_page(page: &Path) -> Vec<Code> {
    let page = fs::read_to_string(page).expect("UTF-8");
    let mut found = Vec::new();
    let mut block: Option<Code> = None;
    for event in Parser::new(&page) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                block = Some(Code { language, text: String::new() });
            }
            Event::End(TagEnd::CodeBlock) => found.extend(block.take()),
            Event::Text(text) => {
                if let Some(block) = &mut block {
                    block.text.push_str(&text);
                }
            }
            Event::Code(text) => {
                found.push(Code { language: String::new(), text: text.replace('\n', " ") });
            }
            _ => {}
        }
    }
    found
}

/// Why what reads this language cannot read it; nothing of one that nobody reads here.
pub fn syntax_error(code: &Code) -> Option<String> {
    let text = &code.text;
    match code.language.as_str() {
        "sh" => said_by(Command::new("bash").arg("-n"), text),
        // The methods of a page, if it is no script.
        "js" => {
            let node = |text: &str| said_by(Command::new("node").args(["--check", "-"]), text);
            node(text).and_then(|_| node(&format!("class Page {{\n{text}\n}}")))
        }
        "yaml" => {
            serde_norway::from_str::<serde_norway::Value>(text).err().map(|it| it.to_string())
        }
        _ => None,
    }
}

fn said_by(program: &mut Command, text: &str) -> Option<String> {
    let mut child = program
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/install-missing installs it");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The lines that run something, without what the shell does around it.
fn lines(code: &Code) -> impl Iterator<Item = Vec<&str>> {
    code.text.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("- run: ");
        let line = line.split(" #").next()?;
        let line = line.split(['<', '>', '|', ';']).next()?;
        let words: Vec<_> = line.split_whitespace().collect();
        (!words.is_empty()).then_some(words)
    })
}

/// The calls of `wxauth`, each with its arguments.
pub fn calls(code: &Code) -> impl Iterator<Item = Vec<&str>> {
    lines(code).filter_map(|words| {
        let (program, arguments) = words.split_first()?;
        let arguments = match *program {
            "wxauth" | "target/release/wxauth" => arguments,
            "wxauthctl" => match arguments.split_first() {
                Some((name, rest)) if name.starts_with('@') => rest,
                _ => arguments,
            },
            _ => return None,
        };
        // `wxauth COMMAND` stands for any.
        let first = arguments.first()?;
        first.starts_with(|c: char| c.is_ascii_lowercase()).then(|| arguments.to_vec())
    })
}

/// Why `wxauth` would not take these arguments. A sentence may name a command without them.
pub fn refusal(code: &Code, arguments: &[&str]) -> Option<String> {
    let words = ["wxauth"].iter().chain(arguments);
    let parsed = Arguments::command()
        .try_get_matches_from(words)
        .and_then(|matches| Arguments::from_arg_matches(&matches).map(drop));
    let refused = parsed.err()?;
    match refused.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand => None,
        ErrorKind::MissingRequiredArgument if code.language.is_empty() => None,
        _ => Some(refused.to_string()),
    }
}

/// The scripts of the repository that are called, each with its options.
pub fn scripts(code: &Code) -> impl Iterator<Item = (&str, Vec<&str>)> {
    lines(code).filter_map(|words| {
        let (program, arguments) = words.split_first()?;
        let is_ours = ["scripts/", ".ci/", "examples/"].iter().any(|it| program.starts_with(it));
        let options = arguments.iter().filter(|it| it.starts_with("--") && it.len() > 2);
        is_ours.then(|| (*program, options.copied().collect()))
    })
}
