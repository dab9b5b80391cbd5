//! The documents name only what exists, and no machine's own paths.

use std::path::Path;

/// The Markdown files of the project.
fn documents() -> Vec<std::path::PathBuf> {
    tests::files(tests::root(), "md")
}

/// Pieces of text between single backticks, outside of fenced blocks.
fn quoted(text: &str) -> Vec<String> {
    let prose: String = text.split("```").step_by(2).collect();
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether a quoted word looks like a path of this project: a known top-level name, a slash, no placeholder.
fn is_project_path(word: &str) -> bool {
    let top = word.split('/').next().unwrap_or_default();
    word.contains('/')
        && !word.contains(['*', '<', '{', ' ', '…', '$', ':', '(', '='])
        && tests::root().join(top).exists()
        && !top.is_empty()
}

#[test]
fn quoted_paths_exist() {
    let mut checked = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for word in quoted(&text).iter().filter(|word| is_project_path(word)) {
            if word.starts_with("target/") {
                continue;
            }
            assert!(tests::root().join(word).exists(), "{} names `{word}`, which is not there", document.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} paths were found; does this test still read the documents?");
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") || link.starts_with('#') || link.contains(char::is_whitespace) {
                continue;
            }
            let target = document.parent().unwrap_or(Path::new(".")).join(link.split('#').next().unwrap_or(link));
            assert!(target.exists(), "{} links to {link}, which is not there", document.display());
        }
    }
}

#[test]
fn no_synonyms_of_the_glossary_in_the_rooms() {
    // Words that the glossary replaces: `chunk` of a film (segment), `shard` (segment), `worker node` (worker).
    for path in tests::files(tests::root(), "rs") {
        if path.ends_with("tests/tests/documents.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for word in ["video segment chunk", "worker node", "shard", "render chunk"] {
            assert!(!text.contains(word), "{} says \"{word}\"", path.display());
        }
    }
}
