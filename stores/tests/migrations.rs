//! The migrations for `SQLite` and `PostgreSQL` are twins: the same files, tables and columns.

use std::{collections::BTreeMap, path::Path};

/// The names of the columns of each table that a script makes.
fn tables(sql: &str) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for statement in without_comments(sql).split(';') {
        let Some(rest) = statement.trim().strip_prefix("CREATE TABLE ") else { continue };
        let (name, body) = rest.split_once('(').expect("a table has columns");
        let body = body.trim_end().strip_suffix(')').expect("a table's columns end");
        let columns = top_level(body).into_iter().filter_map(column).collect();
        tables.insert(name.trim().to_owned(), columns);
    }
    tables
}

fn without_comments(sql: &str) -> String {
    sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The pieces between commas that stand in no parentheses.
fn top_level(body: &str) -> Vec<&str> {
    let (mut depth, mut from, mut pieces) = (0, 0, Vec::new());
    for (at, letter) in body.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                pieces.push(&body[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&body[from..]);
    pieces
}

/// The name of the column that a piece declares; keys of the whole table declare none.
fn column(piece: &str) -> Option<String> {
    let first = piece.split_whitespace().next()?;
    (!["PRIMARY", "FOREIGN", "UNIQUE", "CHECK"].contains(&first)).then(|| first.to_owned())
}

fn scripts(dir: &str) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(dir);
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, tables(&std::fs::read_to_string(&path).unwrap()))
        })
        .collect()
}

#[test]
fn the_twins_have_the_same_tables_and_columns() {
    let (sqlite, postgres) = (scripts("sqlite"), scripts("postgres"));
    assert_eq!(sqlite, postgres);
    let first = &sqlite["0001_jobs_and_tasks.sql"];
    assert_eq!(first.keys().collect::<Vec<_>>(), ["jobs", "needs", "tasks"]);
    assert_eq!(first["needs"], ["job", "task", "need"]);
    assert!(first["tasks"].len() == 14 && first["tasks"].contains(&"lease_until".to_owned()), "{first:?}");
}

#[test]
fn a_difference_would_be_seen() {
    let one = tables("CREATE TABLE a (x TEXT CHECK (x IN ('1', '2')), -- y BIGINT,\n z BIGINT, PRIMARY KEY (x, z));");
    assert_eq!(one["a"], ["x", "z"]);
    assert_ne!(one, tables("CREATE TABLE a (x TEXT);"));
}
