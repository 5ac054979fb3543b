//! Links of a page to files of the repository and to their headings.

use std::fs;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The links that lead nowhere, each with its page. Those to the world outside are not followed.
pub fn broken(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("UTF-8");
    let mut broken = Vec::new();
    for event in Parser::new(&text) {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event
            && !leads_somewhere(page, &dest_url)
        {
            broken.push(format!("{}: {dest_url}", page.display()));
        }
    }
    broken
}

fn leads_somewhere(page: &Path, link: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => page.to_owned(),
        file => page.with_file_name("").join(file),
    };
    target.exists() && (anchor.is_empty() || headings(&target).contains(&anchor.to_owned()))
}

/// As the anchors of a page are called where it is shown: lower case, hyphens for spaces, no other
/// punctuation.
fn headings(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("UTF-8");
    let mut headings = Vec::new();
    let mut heading: Option<String> = None;
    for event in Parser::new(&text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => headings.extend(heading.take().map(|it| anchor(&it))),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    headings
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
