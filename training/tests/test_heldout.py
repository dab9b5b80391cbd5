"""Held-out cases and the scoring of films: a film drawn from the truth must score high."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from emofarm_training.heldout import held_out_identity, speakers, write_case
from emofarm_training.portraits import Portraitist, Pose
from emofarm_training.score import score
from PIL import Image
from scipy.io import wavfile

SIZE = 128


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heldout")
    write_case(folder, 0, seed=11, seconds=6.0, size=SIZE)
    return folder


def write_film(path: Path, frames: np.ndarray) -> None:
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE}x{SIZE}", "-r", "25", "-i", "-"]
    subprocess.run([*command, "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", str(path)], input=frames.tobytes(), check=True)


def test_a_case_is_complete(case: Path) -> None:
    known = json.loads((case / "truth_0.json").read_text())
    rate, samples = wavfile.read(case / "speech_0.wav")
    assert (rate, len(samples), samples.dtype) == (16_000, 96_000, np.int16)
    assert len(known["mouth_open"]) == len(known["aperture"]) == 150
    assert Image.open(case / "portrait_0.png").size == Image.open(case / "mask_0.png").size == (SIZE, SIZE)
    assert max(known["aperture"]) > 0.5 and known["aperture"][-1] < 0.02


def test_films_score_as_they_deserve(case: Path, tmp_path: Path) -> None:
    known = json.loads((case / "truth_0.json").read_text())
    artist = Portraitist(held_out_identity(11, 0), SIZE)
    frames = np.stack([artist.draw(Pose(open=v)) for v in known["aperture"]])
    write_film(tmp_path / "true.mp4", frames)
    good = score(tmp_path / "true.mp4", case / "truth_0.json")
    assert good["correlation"] > 0.93 and good["lag_frames"] == 0 and good["frames"] == 150
    assert good["background"]["frame_to_frame"] < 0.5

    write_film(tmp_path / "late.mp4", np.concatenate([np.repeat(frames[:1], 4, 0), frames[:-4]]))
    late = score(tmp_path / "late.mp4", case / "truth_0.json")
    assert late["lag_frames"] == 4 and late["correlation"] < 0.8

    write_film(tmp_path / "still.mp4", np.repeat(frames[:1], 150, 0))
    assert abs(score(tmp_path / "still.mp4", case / "truth_0.json")["correlation"]) < 0.4


def recordings(folder: Path, seconds: list[float], hertz: float, rate: int = 8000) -> None:
    """WAV files of a tone, so long each."""
    folder.mkdir(parents=True)
    for number, length in enumerate(seconds):
        tone = np.sin(2 * np.pi * hertz * np.arange(int(length * rate)) / rate)
        wavfile.write(folder / f"{number}.wav", rate, (8000 * tone).astype(np.int16))


def test_people_speak_where_recordings_are_given(tmp_path: Path) -> None:
    recordings(tmp_path / "people/low", [2.0, 3.0, 0.5], 300.0)
    recordings(tmp_path / "people/mid", [6.0], 900.0)
    people = speakers(tmp_path / "people")
    assert [len(files) for files in people] == [2, 1], "mere syllables are left out"
    out = tmp_path / "out"
    out.mkdir()
    for index, hertz in enumerate((300.0, 900.0, 300.0)):
        write_case(out, index, seed=11, seconds=4.0, size=SIZE, people=people)
        known = json.loads((out / f"truth_{index}.json").read_text())
        assert "mouth_open" not in known and known["seconds"] == 4.0 and "mouth_colours" in known
        rate, samples = wavfile.read(out / f"speech_{index}.wav")
        assert (rate, len(samples)) == (16_000, 64_000)
        spectrum = np.abs(np.fft.rfft(samples))
        assert abs(spectrum.argmax() / 4.0 - hertz) < 2.0, "speakers take turns"
        assert 0.49 < np.abs(samples).max() / 32768 < 0.51


def test_recordings_that_do_not_do_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "none/one").mkdir(parents=True)
    with pytest.raises(SystemExit, match="none has no folder with recordings"):
        speakers(tmp_path / "none")
    recordings(tmp_path / "short/one", [2.0], 300.0)
    with pytest.raises(SystemExit, match="shorter than 4.0 s together"):
        write_case(tmp_path, 0, 11, 4.0, SIZE, speakers(tmp_path / "short"))
    (tmp_path / "wrong/one").mkdir(parents=True)
    wavfile.write(tmp_path / "wrong/one/a.wav", 8000, np.zeros((16_000, 2), np.int16))
    with pytest.raises(SystemExit, match="a.wav is no WAV of 16 bits and one channel"):
        write_case(tmp_path, 0, 11, 4.0, SIZE, speakers(tmp_path / "wrong"))
