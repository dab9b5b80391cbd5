//! Where chains meet, and how they are joined.

use std::str::FromStr;

use crate::{Error, Result, Shape};

/// Clips that a chain may render on one side of a seam, or before an overlap, at the most.
const MOST_CLIPS: u64 = 16;

/// How the chains on both sides of a seam become one film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// The frames around the seam are denoised again between frames of both chains that are held.
    #[default]
    Bridge,
    /// The latents of both chains are cross-faded around the seam.
    Blend,
    /// The later chain begins where the earlier one ends.
    Cut,
}

impl Join {
    /// Every way, the best one first.
    pub const ALL: [Self; 3] = [Self::Bridge, Self::Blend, Self::Cut];

    /// The name in orders, settings and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Blend => "blend",
            Self::Cut => "cut",
        }
    }
}

impl FromStr for Join {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|join| join.name() == text).ok_or_else(|| {
            Error::order(format!("\"{text}\" is not a way to join chains")).mend("give bridge, blend or cut")
        })
    }
}

/// How a film is cut into chains. Without seams, the default, it is one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cuts {
    /// The seams: for each, the first frame that the later chain owns. Ascending.
    pub seams: Vec<u64>,
    /// How chains are joined.
    pub join: Join,
    /// Frames on either side of a seam that both chains render; nothing for [`Join::Cut`].
    pub reach: u32,
    /// Frames that a later chain renders before the overlap, and that nobody sees: a chain starts from the portrait at rest.
    pub warm_up: u32,
    /// Frames at either end of a bridge's window that are held; nothing but for [`Join::Bridge`].
    pub pinned: u32,
}

impl Cuts {
    /// Cuts at `seams` with the usual overlap for clips of `clip_frames` frames: a clip of warm-up, a clip on either side of the seam,
    /// of which a quarter is held. No seams are [`Cuts::default`], whatever `join`.
    pub fn at(seams: Vec<u64>, join: Join, clip_frames: u32) -> Self {
        if seams.is_empty() {
            return Self::default();
        }
        let reach = if join == Join::Cut { 0 } else { clip_frames };
        let pinned = if join == Join::Bridge { (clip_frames / 4).max(1) } else { 0 };
        Self { seams, join, reach, warm_up: clip_frames, pinned }
    }

    /// Whether the film is one chain.
    pub fn is_one_chain(&self) -> bool {
        self.seams.is_empty()
    }

    /// Frames that must lie between the start of a chain and the overlap at its end: what the next chain warms up on, and a clip
    /// that the bridge takes its motion frames from.
    pub fn lead(&self, shape: &Shape) -> u64 {
        u64::from(self.warm_up.max(shape.clip_frames))
    }

    /// The first frame that a seam may be laid at.
    pub fn earliest(&self, shape: &Shape) -> u64 {
        u64::from(self.reach) + self.lead(shape)
    }

    /// Frames from one seam to the next at the least.
    pub fn closest(&self, shape: &Shape) -> u64 {
        2 * u64::from(self.reach) + self.lead(shape)
    }

    /// Frames from the last seam to the end of the film at the least.
    pub fn tail(&self) -> u64 {
        u64::from(self.reach).max(1)
    }

    pub(super) fn check(&self, shape: &Shape) -> Result<()> {
        let wrong = |what: String| Err(Error::order(format!("the film cannot be cut like this: {what}")));
        if self.seams.is_empty() {
            let plain = *self == Self::default();
            return if plain { Ok(()) } else { wrong("an overlap without a seam".into()) };
        }
        self.check_overlap(shape)?;
        let mut earliest = self.earliest(shape);
        for (place, seam) in self.seams.iter().enumerate() {
            if *seam < earliest {
                return wrong(format!("seam {place} at frame {seam} lies before frame {earliest}"));
            }
            earliest = seam.saturating_add(self.closest(shape));
        }
        match self.seams.last() {
            Some(last) if last.saturating_add(self.tail()) > shape.frames => wrong(format!(
                "after the last seam at frame {last}, {} frames are needed, but the film ends at frame {}",
                self.tail(),
                shape.frames
            )),
            _ => Ok(()),
        }
    }

    fn check_overlap(&self, shape: &Shape) -> Result<()> {
        let wrong = |what: String| Err(Error::order(format!("the film cannot be cut like this: {what}")));
        let (clip, most) = (u64::from(shape.clip_frames), MOST_CLIPS * u64::from(shape.clip_frames));
        let (reach, pinned) = (u64::from(self.reach), u64::from(self.pinned));
        if reach > most || u64::from(self.warm_up) > most {
            return wrong(format!("a reach of {reach} and a warm-up of {} frames; {most} are the most", self.warm_up));
        }
        match self.join {
            Join::Bridge if 2 * reach < clip => {
                wrong(format!("a bridge takes {clip} frames, the overlap is {}", 2 * reach))
            }
            Join::Bridge if pinned == 0 || 2 * pinned >= clip => {
                wrong(format!("{pinned} frames held at either end of {clip}, where some are held and some are free"))
            }
            Join::Blend if reach == 0 => wrong("a cross-fade without an overlap".into()),
            Join::Cut if reach != 0 => wrong(format!("an overlap of {} frames that nobody reads", 2 * reach)),
            Join::Blend | Join::Cut if pinned != 0 => wrong(format!("{pinned} frames held where nothing is bridged")),
            _ => Ok(()),
        }
    }
}
