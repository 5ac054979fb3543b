//! The imports between the files of a crate, as its syntax shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{self, Visit};

/// By module, such as `store::rings`; the crate's root is the empty text.
#[derive(Default)]
pub struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    /// Of every file in a directory that holds a crate's sources.
    pub fn read(directory: &Path) -> Self {
        let mut files = Vec::new();
        collect(directory, &[], &mut files);
        assert!(!files.is_empty(), "{} holds a crate", directory.display());
        let files: Vec<(&str, &str)> =
            files.iter().map(|(module, source)| (module.as_str(), source.as_str())).collect();
        Self::of(&files)
    }

    /// Of files by the modules that they are.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let modules: BTreeSet<&str> = files.iter().map(|(module, _)| *module).collect();
        let mut imports = Self::default();
        for (module, source) in files {
            let file = syn::parse_file(source).unwrap_or_else(|error| panic!("{module}: {error}"));
            let mut paths = Paths::default();
            paths.visit_file(&file);
            let imported = paths.0.iter().filter_map(|path| resolve(path, module, &modules));
            let imported = imported.filter(|imported| imported != module).collect();
            imports.0.insert((*module).to_owned(), imported);
        }
        imports
    }

    /// Each file with each that it imports.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(file, imports)| {
            imports.iter().map(move |imported| (file.as_str(), imported.as_str()))
        })
    }

    /// Files that import each other in a circle, if there are any: what is left when those that
    /// import nothing, or are imported by nobody, are taken away until none is.
    pub fn circle(&self) -> Vec<String> {
        let mut left = self.0.clone();
        loop {
            let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
            let before = left.len();
            left.retain(|file, imports| !imports.is_empty() && imported.contains(file));
            let files: BTreeSet<String> = left.keys().cloned().collect();
            left.values_mut().for_each(|imports| imports.retain(|file| files.contains(file)));
            if left.len() == before {
                return left.into_keys().collect();
            }
        }
    }
}

/// The room that a module belongs to: the first part of its name.
pub fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn collect(directory: &Path, parents: &[&str], files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in UTF-8");
        if path.is_dir() {
            collect(&path, &[parents, &[name]].concat(), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let own = (!matches!(name, "mod" | "lib" | "main")).then_some(name);
            let module = parents.iter().copied().chain(own).collect::<Vec<_>>().join("::");
            files.push((module, fs::read_to_string(&path).expect("the file can be read")));
        }
    }
}

/// Every path in a file, but for those that only say who may see something, and the tests'.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !is_test {
            visit::visit_item_mod(self, item);
        }
    }
}

impl Paths {
    fn add_tree(&mut self, path: &mut Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.add_tree(path, &part.tree);
                path.pop();
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(path, tree));
            }
            syn::UseTree::Name(syn::UseName { ident, .. })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                self.0.push(path.iter().cloned().chain([ident.to_string()]).collect());
            }
            _ => self.0.push(path.clone()),
        }
    }
}

/// The file that a path leads into: the longest beginning of it that is a module of the crate.
fn resolve(path: &[String], module: &str, modules: &BTreeSet<&str>) -> Option<String> {
    let own: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = path.iter().map(String::as_str).filter(|part| *part != "self").collect();
    let ups = parts.iter().take_while(|part| **part == "super").count();
    let absolute: Vec<&str> = match parts.first() {
        Some(&"crate") => parts.iter().skip(1).copied().collect(),
        Some(&"super") => {
            let parents = own.iter().take(own.len().saturating_sub(ups));
            parents.chain(parts.iter().skip(ups)).copied().collect()
        }
        _ => own.iter().chain(&parts).copied().collect(),
    };
    let is_ours = matches!(path.first().map(String::as_str), Some("crate" | "super" | "self"));
    let shortest = if is_ours { 0 } else { own.len() + 1 };
    (shortest..=absolute.len()).rev().find_map(|length| {
        let candidate = absolute.get(..length)?.join("::");
        modules.contains(candidate.as_str()).then_some(candidate)
    })
}
