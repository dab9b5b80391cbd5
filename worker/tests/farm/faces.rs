//! An order that was drafted where no detector was at hand: `prepare` looks for the face.

use shared::{
    FaceBox, JobState,
    face::{FaceFinding, KeyPoints},
};

use super::house::House;

/// Works on a job whose portrait of 80x96 pixels shows these faces.
async fn prepared(faces: Option<Vec<FaceFinding>>) -> House {
    let house = House::new().await;
    *house.script.faces.lock().unwrap() = faces;
    house.work(&house.worker("only")).await;
    house
}

fn finding(face: FaceBox) -> FaceFinding {
    FaceFinding { face, key_points: KeyPoints::assumed_in(face), score: 0.9 }
}

#[tokio::test]
async fn the_largest_face_is_cropped() {
    let (large, small) = (FaceBox { x: 20, y: 30, w: 24, h: 24 }, FaceBox { x: 60, y: 0, w: 12, h: 12 });
    let house = prepared(Some(vec![finding(small), finding(large)])).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()));
    // The square around it is 40 pixels wide and begins at 12,22; the crop has 64.
    let expected = FaceBox { x: 13, y: 13, w: 38, h: 38 };
    assert_eq!(*house.script.prepared.lock().unwrap(), [Some(expected)]);
}

#[tokio::test]
async fn a_portrait_without_a_face_fails_the_job_with_its_name() {
    let house = prepared(Some(vec![])).await;
    let (state, why) = house.ended().await;
    assert_eq!(state, JobState::Failed);
    assert!(why.contains("no face was found in face.png") && why.contains("--face"), "{why}");
    assert!(house.script.prepared.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_detector_nothing_is_made_up() {
    let house = prepared(None).await;
    assert_eq!(house.ended().await, (JobState::Done, String::new()));
    assert_eq!(*house.script.prepared.lock().unwrap(), [None]);
}
