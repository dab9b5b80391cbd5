//! The rows of a batch as they stand in the file: CSV with a header, or one JSON object a line.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path};

use serde_json::Value;
use shared::{Error, Result};

/// Cells by the name of their column; empty ones are left out.
pub(crate) type Cells = BTreeMap<String, String>;

/// Rows that one batch may have.
const MOST: usize = 10_000;

/// Reads the file; every row with its number, as editors and spreadsheets count lines.
///
/// # Errors
/// Names the file and the line that cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<(u64, Cells)>> {
    let unreadable = |e: std::io::Error| {
        Error::order(format!("{} cannot be read", path.display())).from_source(e).mend("check its name and permissions")
    };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let rows = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => comma_separated(path, file)?,
        Some("jsonl" | "ndjson") => lines(path, file)?,
        _ => {
            return Err(Error::order(format!("{} is neither .csv nor .jsonl", path.display()))
                .mend("give the file the ending of what it holds"));
        }
    };
    if rows.len() > MOST {
        return Err(Error::order(format!("{} has {} rows, more than {MOST}", path.display(), rows.len()))
            .mend("split it into several batches"));
    }
    Ok(rows)
}

fn comma_separated(path: &Path, file: impl std::io::Read) -> Result<Vec<(u64, Cells)>> {
    let wrong = |e: csv::Error| {
        Error::order(format!("{} is not a table", path.display()))
            .from_source(e)
            .mend("every row needs as many cells as the header, in UTF-8")
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let heads: Vec<String> =
        // Spreadsheets put a byte order mark in front of the first head.
        reader.headers().map_err(wrong)?.iter().map(|head| head.trim_start_matches('\u{feff}').to_owned()).collect();
    if let Some(twice) = heads.iter().enumerate().find(|(at, head)| heads[..*at].contains(head)) {
        return Err(Error::order(format!("{} has the column \"{}\" twice", path.display(), twice.1)).mend("keep one"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = heads.iter().cloned().zip(record.iter().map(str::to_owned));
        rows.push((line, cells.filter(|(_, cell)| !cell.is_empty()).collect()));
    }
    Ok(rows)
}

fn lines(path: &Path, file: impl std::io::BufRead) -> Result<Vec<(u64, Cells)>> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(file.lines()) {
        let wrong = |why: String| Error::order(format!("{} line {number}: {why}", path.display()));
        let line = line.map_err(|e| wrong(e.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let value = serde_json::from_str(&line).map_err(|e| wrong(e.to_string()))?;
        let Value::Object(fields) = value else { return Err(wrong("this is not a JSON object".into())) };
        rows.push((number, cells(fields).map_err(wrong)?));
    }
    Ok(rows)
}

/// JSON fields as cells; `labels` is an object of its own, `settings` too.
fn cells(fields: serde_json::Map<String, Value>) -> std::result::Result<Cells, String> {
    let mut cells = Cells::new();
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::String(text) => drop(cells.insert(name, text)),
            Value::Number(number) => drop(cells.insert(name, number.to_string())),
            Value::Object(labels) if name == "labels" => {
                for (key, value) in labels {
                    let value = value.as_str().ok_or_else(|| format!("the label {key} is not a text"))?;
                    cells.insert(format!("label.{key}"), value.to_owned());
                }
            }
            _ => return Err(format!("{name} is neither a text nor a number")),
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Vec<(u64, Cells)>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn both_kinds_of_file_give_the_same_rows() {
        let table =
            read_text("a.csv", "\u{feff}portrait, audio,seed,label.show\na.png,\"b, c.wav\",7,\nd.png,e.wav,,x\n")
                .unwrap();
        let json = "{\"portrait\":\"a.png\",\"audio\":\"b, c.wav\",\"seed\":7}\n\n{\"portrait\":\"d.png\",\"audio\":\"e.wav\",\"labels\":{\"show\":\"x\"},\"fps\":null}\n";
        let lines = read_text("a.jsonl", json).unwrap();
        let cells = |rows: &[(u64, Cells)]| rows.iter().map(|(_, cells)| cells.clone()).collect::<Vec<_>>();
        assert_eq!(cells(&table), cells(&lines));
        assert_eq!(table.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(table[0].1["audio"], "b, c.wav");
    }

    #[test]
    fn files_that_are_no_tables_are_refused_by_name_and_line() {
        let wrong = [
            ("a.csv", "portrait,audio\na.png\n", "as many cells"),
            ("a.csv", "portrait,portrait\na,b\n", "twice"),
            ("a.jsonl", "{}\n[1]\n", "line 2"),
            ("a.jsonl", "{\"seed\":[1]}\n", "seed"),
            ("a.txt", "portrait", ".jsonl"),
        ];
        for (name, text, part) in wrong {
            let error = read_text(name, text).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(name), "{error}");
        }
        let many = "portrait\n".to_owned() + &"a.png\n".repeat(MOST);
        assert_eq!(read_text("a.csv", &many).unwrap().len(), MOST);
        assert!(read_text("a.csv", &(many + "a.png\n")).unwrap_err().to_string().contains("10001 rows"));
    }
}
