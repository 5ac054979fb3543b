//! What the docs tell people, so that tests run exactly that.

use std::path::{Path, PathBuf};

/// The text of `docs/{name}.md`.
#[track_caller]
pub fn docs_page(name: &str) -> String {
    read(&directory().join(name).with_extension("md"))
}

/// The block of SQL that holds the text; there is one in all pages.
#[track_caller]
pub fn docs_sql(text: &str) -> String {
    let pages = directory().read_dir().expect("the docs");
    let pages = pages.map(|entry| entry.expect("a page").path());
    let pages: String = pages.filter(|path| path.is_file()).map(|path| read(&path)).collect();
    let blocks = pages.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let found: Vec<_> = blocks.filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "one block of the docs holds {text:?}");
    found[0].to_owned()
}

/// The block in this language that holds the text, of any page of the repository.
#[track_caller]
pub fn code_block(page: &str, language: &str, text: &str) -> String {
    let page = read(&directory().join("..").join(page));
    let fence = format!("```{language}\n");
    let blocks = page.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next());
    let found: Vec<_> = blocks.filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "one block holds {text:?}");
    found[0].to_owned()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[track_caller]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
