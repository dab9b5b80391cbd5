//! The migrations for `SQLite` and `PostgreSQL` are twins: the same files, and in them the same statements, but for the few words in
//! which the two databases differ.

use std::{collections::BTreeMap, path::Path};

/// What one says of a column and the other says in other words, or need not say.
const WORDS: [(&str, &str); 3] =
    [("JSONB", "TEXT"), ("INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"), (" GENERATED ALWAYS AS IDENTITY", "")];

/// The statements of a script in the words of both, without comments and layout. How `PostgreSQL` stores a table is its own affair, and
/// only it has functions.
fn statements(sql: &str) -> Vec<String> {
    let bare: Vec<_> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let text = bare.join("\n").split_whitespace().collect::<Vec<_>>().join(" ");
    let text = WORDS.iter().fold(text, |text, (one, both)| text.replace(one, both));
    let text: String =
        text.split("CREATE FUNCTION").enumerate().map(|(place, part)| without_body(place, part)).collect();
    let said = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    said.filter(|statement| !(statement.starts_with("ALTER TABLE") && statement.contains(" SET (")))
        .map(str::to_owned)
        .collect()
}

/// What follows the body of a function, in all parts but the first.
fn without_body(place: usize, part: &str) -> &str {
    if place == 0 { part } else { part.split_once("END $$;").expect("a function ends").1 }
}

fn scripts(dir: &str) -> BTreeMap<String, Vec<String>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(dir);
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let script = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, statements(&std::fs::read_to_string(&path).unwrap()))
    };
    entries.map(script).collect()
}

#[test]
fn the_twins_say_the_same() {
    let (sqlite, postgres) = (scripts("sqlite"), scripts("postgres"));
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (file, statements) in &sqlite {
        for (one, other) in statements.iter().zip(&postgres[file]) {
            assert_eq!(one, other, "{file}");
        }
        assert_eq!(statements.len(), postgres[file].len(), "{file}");
    }
    // What is compared is all that there is.
    let count = |start: &str| sqlite.values().flatten().filter(|statement| statement.starts_with(start)).count();
    let (tables, columns, indexes) =
        (count("CREATE TABLE"), count("ALTER TABLE tasks ADD COLUMN"), count("CREATE INDEX"));
    assert!(tables >= 14 && columns >= 18 && indexes >= 18, "{tables} {columns} {indexes}");
}

#[test]
fn a_difference_would_be_seen() {
    let base = "CREATE TABLE a (x JSONB NOT NULL, -- y BIGINT,\n z BIGINT);\nALTER TABLE a ADD COLUMN b BIGINT;
                CREATE INDEX c ON a (x, z) WHERE b > 0;";
    let same = "CREATE TABLE a (x TEXT NOT NULL, z BIGINT); ALTER TABLE a ADD COLUMN b BIGINT;
                CREATE INDEX c ON a (x, z) WHERE b > 0; ALTER TABLE a SET (fillfactor = 85);
                CREATE FUNCTION f (g TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$ BEGIN RETURN g; END $$;";
    assert_eq!(statements(base), statements(same));
    for (was, is) in [
        ("z BIGINT", "z TEXT"),
        ("NOT NULL", ""),
        ("COLUMN b", "COLUMN d"),
        ("(x, z)", "(z, x)"),
        ("b > 0", "b > 1"),
        ("CREATE INDEX c", "CREATE INDEX d"),
    ] {
        assert_ne!(statements(&base.replace(was, is)), statements(base), "{was}");
    }
}
