//! The SQL that the README tells people to run, so that tests run exactly that.

/// The block of SQL that holds the text; there is one.
#[track_caller]
pub fn readme_sql(text: &str) -> &'static str {
    let readme = include_str!("../../../README.md");
    let blocks = readme.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let found: Vec<_> = blocks.filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "one block of the README holds {text:?}");
    found[0]
}
