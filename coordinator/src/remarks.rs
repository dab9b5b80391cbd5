//! What somebody who orders a film should know about the face that was taken.

use shared::{FaceBox, face::FaceSearch, job::Settings};

/// Faces that are listed one by one; a picture of a crowd has more.
const LISTED: usize = 8;

/// Remarks on the choice of the face in the portrait `name`: `asked` is the box that the order came with, `settled` what it says now.
pub(crate) fn remarks(
    name: &str,
    model: &str,
    faces: &FaceSearch,
    asked: Option<FaceBox>,
    settled: &Settings,
) -> Vec<String> {
    let found = faces.faces();
    match (faces, asked, settled.face) {
        (FaceSearch::NoDetector, None, _) => vec![format!(
            "the model {model} has no face detector, so the whole of {name} is taken for the face (its largest square in the middle); \
             say with --face x,y,w,h where the face is"
        )],
        (FaceSearch::Found(_), Some(asked), _) if settled.key_points.is_none() => vec![format!(
            "no face was found in {name} at {asked}; eyes, nose and mouth are assumed at their usual places in it"
        )],
        (FaceSearch::Found(_), None, Some(taken)) if found.len() > 1 => {
            let mut others: Vec<String> =
                found.iter().skip(1).take(LISTED).map(|other| other.face.to_string()).collect();
            if found.len() > 1 + LISTED {
                others.push(format!("and {} more", found.len() - 1 - LISTED));
            }
            vec![format!(
                "{name} shows {} faces; the largest one, at {taken}, is taken. For another give --face: {}",
                found.len(),
                others.join("  ")
            )]
        }
        _ => vec![],
    }
}

/// Fields of an order itself that are flags on the command line; the others are fields of its `settings`.
const OF_THE_ORDER: [&str; 8] =
    ["model", "fps", "seed", "segment_clips", "continuity", "chain_seconds", "join", "shots"];

/// A sentence for the command line as a client of the API reads it: `--face-expand` is `settings.face_expand` there.
pub(crate) fn for_the_api(sentence: &str) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once("--") {
        let end = after.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(after.len());
        let (flag, behind) = after.split_at(end);
        text += before;
        if flag.is_empty() {
            text += "--";
        } else {
            let field = flag.replace('-', "_");
            if !OF_THE_ORDER.contains(&field.as_str()) {
                text += "settings.";
            }
            text += &field;
        }
        rest = behind;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_fields_for_clients_of_the_api() {
        assert_eq!(
            for_the_api("give --face x,y or --face-expand, not -- both"),
            "give settings.face x,y or settings.face_expand, not -- both"
        );
        assert_eq!(for_the_api("leave --shots out, or give --chain-seconds"), "leave shots out, or give chain_seconds");
        assert_eq!(for_the_api("nothing"), "nothing");
    }
    use shared::face::{FaceFinding, KeyPoints};

    fn finding(x: u32, edge: u32) -> FaceFinding {
        let face = FaceBox { x, y: 5, w: edge, h: edge };
        FaceFinding { face, key_points: KeyPoints::assumed_in(face), score: 0.9 }
    }

    /// What is said when `asked` comes with the order.
    fn said(faces: &FaceSearch, asked: Option<FaceBox>) -> Vec<String> {
        let mut settings = Settings { face: asked, ..Settings::default() };
        faces.settle(&mut settings, "a.png").unwrap();
        remarks("a.png", "hallo", faces, asked, &settings)
    }

    #[test]
    fn each_case_says_what_was_taken_and_how_to_choose() {
        let one = FaceSearch::found(vec![finding(10, 50)]);
        assert!(said(&one, None).is_empty());
        let three = FaceSearch::found(vec![finding(10, 50), finding(100, 40), finding(200, 30)]);
        assert_eq!(
            said(&three, None),
            [
                "a.png shows 3 faces; the largest one, at 10,5,50,50, is taken. For another give --face: 100,5,40,40  200,5,30,30"
            ]
        );
        assert!(said(&three, Some(finding(200, 30).face)).is_empty(), "the order chose");
        let nowhere = said(&one, Some(finding(300, 20).face));
        assert!(nowhere[0].contains("no face was found in a.png at 300,5,20,20"), "{nowhere:?}");
        let unseen = said(&FaceSearch::NoDetector, None);
        assert!(unseen[0].contains("hallo has no face detector") && unseen[0].contains("--face"), "{unseen:?}");
        assert!(said(&FaceSearch::NoDetector, Some(finding(10, 50).face)).is_empty());
    }

    #[test]
    fn a_crowd_is_not_listed_whole() {
        let crowd = FaceSearch::found((0..100).map(|i| finding(i * 10, 300 - i)).collect());
        let said = said(&crowd, None);
        assert!(said[0].contains("100 faces") && said[0].ends_with("and 91 more"), "{said:?}");
        assert!(said[0].len() < 300);
    }
}
