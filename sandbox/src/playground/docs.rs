//! The pages of `docs/` that the playground links to, from Markdown.

use actix_web::{HttpRequest, HttpResponse, web};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::page;
use crate::commands::ControlError;

const PAGES: [(&str, &str, &str); 2] = [
    ("errors", "en", include_str!("../../../docs/errors.md")),
    ("errors.zh", "zh-CN", include_str!("../../../docs/errors.zh.md")),
];

/// `GET /playground/docs/PAGE`
pub(super) async fn docs(
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ControlError> {
    let found = PAGES.iter().find(|(page, _, _)| *page == name.as_str());
    let (_, language, markdown) =
        found.ok_or_else(|| ControlError::no_such_command(request.method(), request.path()))?;
    let mut body = String::new();
    html::push_html(&mut body, with_heading_ids(markdown).into_iter());
    Ok(page::html(format!(
        "<!DOCTYPE html><html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>wxauth: {name}</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"../colours.css\"><link rel=\"stylesheet\" href=\"../docs.css\">\
         </head><body><main>{body}</main></body></html>"
    )))
}

/// Each heading can be linked to by its text, as on the sites that show Markdown.
fn with_heading_ids(markdown: &str) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let mut text = String::new();
    for event in events.iter_mut().rev() {
        match event {
            Event::End(TagEnd::Heading(_)) => text.clear(),
            Event::Text(part) | Event::Code(part) => text.insert_str(0, part),
            Event::Start(Tag::Heading { id, .. }) => *id = Some(CowStr::from(text.clone())),
            _ => {}
        }
    }
    events
}
