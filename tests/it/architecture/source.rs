//! Source files, cut into what the rules look at: code without comments, the texts in it, and the paths it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the repository is.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One Rust file.
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Without comments; texts and characters are empty.
    pub code: String,
    /// What stood between quotation marks.
    pub strings: Vec<String>,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, strings) = split(text);
        Self { path: path.to_owned(), text: text.to_owned(), code, strings }
    }

    /// The folder or top-level file the rules speak of: `domain`, `node/engine`, `limits`.
    pub fn area(&self) -> String {
        area_of(&self.module())
    }

    /// The file's place in the tree of modules.
    fn module(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let parts = inside.trim_end_matches(".rs").split('/');
        parts.filter(|part| *part != "mod").map(str::to_owned).collect()
    }

    /// The areas of ours that the code names, by whatever kind of path.
    pub fn named_areas(&self) -> BTreeSet<String> {
        let mut areas = BTreeSet::new();
        for (offset, _) in self.code.match_indices("::") {
            let (before, after) = (self.code.get(..offset), self.code.get(offset + 2..));
            let (Some(before), Some(after)) = (before, after) else { continue };
            let first = last_word(before);
            let base = match first {
                "crate" | "itsgoin" => Vec::new(),
                // A chain of them is resolved at its last link.
                "super" if !after.starts_with("super") => self.parent_at(before),
                _ => continue,
            };
            let mut paths = Vec::new();
            expand(after, &base, &mut paths);
            areas.extend(paths.iter().map(|path| area_of(path)));
        }
        areas
    }

    /// The module that `super`, at the end of `before`, means.
    fn parent_at(&self, before: &str) -> Vec<String> {
        let mut module = self.module();
        module.extend(open_modules(before));
        let mut chain = before;
        while let Some(shorter) = chain.strip_suffix("super") {
            module.pop();
            chain = shorter.trim_end_matches("::");
        }
        module
    }
}

fn area_of(module: &[String]) -> String {
    const PARTS_OF_NODE: [&str; 4] = ["engine", "net", "sim", "wire"];
    match module {
        [node, part, ..] if node == "node" && PARTS_OF_NODE.contains(&part.as_str()) => {
            format!("node/{part}")
        }
        [first, ..] => first.clone(),
        [] => "lib".to_owned(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn last_word(text: &str) -> &str {
    let start = text.rfind(|letter| !is_word(letter)).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// Whether the code holds this word; a `*` at its end stands for any ending.
pub fn names(code: &str, word: &str) -> bool {
    let (word, open) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        let after = code.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && (open || !after.is_some_and(is_word))
    })
}

/// The inline modules that are open at the end of this code.
fn open_modules(code: &str) -> Vec<String> {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut depth = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => {
                let head = code.get(..at).unwrap_or_default().trim_end();
                let name = last_word(head);
                if head.trim_end_matches(name).trim_end().ends_with("mod") {
                    open.push((depth, name.to_owned()));
                }
                depth += 1;
            }
            '}' => {
                depth = depth.saturating_sub(1);
                open.retain(|(at, _)| *at < depth);
            }
            _ => {}
        }
    }
    open.into_iter().map(|(_, name)| name).collect()
}

/// All paths of a `use` tree or an expression that begins with `rest` behind `base`; what is left behind them.
fn expand<'t>(rest: &'t str, base: &[String], paths: &mut Vec<Vec<String>>) -> &'t str {
    let mut path = base.to_vec();
    let mut rest = rest.trim_start();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = group.trim_start();
                if let Some(after) = group.strip_prefix('}') {
                    return after;
                }
                let after = expand(group, &path, paths).trim_start();
                let next = after.strip_prefix(',').unwrap_or(after);
                if next.len() >= group.len() {
                    return next;
                }
                group = next;
            }
        }
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if !word.is_empty() && word != "self" {
            path.push(word.to_owned());
        }
        let Some(deeper) = after.strip_prefix("::") else {
            paths.push(path);
            // Behind `*` or `name as other` only the next comma matters.
            let end = after.find([',', '}', ';']).unwrap_or(after.len());
            return after.get(end..).unwrap_or_default();
        };
        rest = deeper.trim_start();
    }
}

/// Code without comments and without what stands in quotation marks, and the latter.
fn split(text: &str) -> (String, Vec<String>) {
    let (mut code, mut strings) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = if rest.starts_with("//") {
            rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default()
        } else if rest.starts_with("/*") {
            after_block(rest)
        } else if let Some((raw, behind)) = raw_string(&code, rest) {
            strings.push(raw.to_owned());
            code.push_str("\"\"");
            behind
        } else if letter == '"' {
            let (inside, behind) = until_quote(after, '"');
            strings.push(inside.to_owned());
            code.push_str("\"\"");
            behind
        } else if letter == '\'' && is_character(after) {
            code.push_str("' '");
            until_quote(after, '\'').1
        } else {
            code.push(letter);
            after
        };
    }
    (code, strings)
}

fn after_block(text: &str) -> &str {
    let (mut depth, mut rest) = (0_usize, text);
    while !rest.is_empty() {
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        rest = rest.get(step..).unwrap_or_default();
        if depth == 0 {
            break;
        }
    }
    rest
}

/// Whether what follows a `'` is a character and not a lifetime.
fn is_character(after: &str) -> bool {
    let mut letters = after.chars();
    letters.next() == Some('\\') || letters.next() == Some('\'')
}

/// The text up to the quotation mark that ends it, and what follows.
fn until_quote(text: &str, quote: char) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if letter == quote => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, "")
}

/// A raw string at the beginning of `rest`, behind this code.
fn raw_string<'t>(code: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
    if code.chars().next_back().is_some_and(is_word) {
        return None;
    }
    let marks = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let open = marks.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(marks.len() - open.len()));
    let inside = open.strip_prefix('"')?;
    inside.split_once(end.as_str())
}

/// Every Rust file under these folders of the repository.
pub fn sources(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        for path in files_below(&root().join(folder)) {
            if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file is text");
                sources.push(Source::new(&name_of(&path), &text));
            }
        }
    }
    sources
}

/// A path from the root, with `/`.
pub fn name_of(path: &Path) -> String {
    let inside = path.strip_prefix(root()).unwrap_or(path);
    inside.to_string_lossy().replace('\\', "/")
}

/// Every file of the repository below a folder, in order; nothing that is built or belongs to git.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder can be read").path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("target" | ".git") => {}
            _ if path.is_dir() => files.extend(files_below(&path)),
            _ => files.push(path),
        }
    }
    files
}
