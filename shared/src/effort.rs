//! How much is computed for a clip: the solver and its steps, where guidance holds, what is reused from step to step.
//!
//! Each is a setting of its own; a quality level names a bundle of them. What is in effect is decided here, from what was ordered, what
//! the pack's manifest says of the level, and what the pack does when nothing is said.

use std::{fmt, str::FromStr};

use crate::{Error, Result, job::Settings};

/// How the steps of a clip are made from what the network predicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// DDIM with eta 0 (Song et al., arXiv 2010.02502): first order.
    #[default]
    Ddim,
    /// DPM-Solver++(2M) (Lu et al., arXiv 2211.01095): second order, from the prediction of the step before.
    Dpm,
    /// `UniPC` of order 2 (Zhao et al., arXiv 2302.04867): each prediction also corrects the step that led to it.
    Unipc,
}

impl Solver {
    /// Every solver.
    pub const ALL: [Self; 3] = [Self::Ddim, Self::Dpm, Self::Unipc];

    /// The solver's name in orders, manifests and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::Dpm => "dpm",
            Self::Unipc => "unipc",
        }
    }
}

impl FromStr for Solver {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|solver| solver.name() == text);
        known.ok_or_else(|| Error::order(format!("\"{text}\" is not a solver")).mend("give ddim, dpm or unipc"))
    }
}

/// A bundle of settings by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// To be looked at soon.
    Draft,
    /// A good share of the cost away, little of the picture.
    Standard,
    /// What the pack draws best with.
    Best,
}

impl Level {
    /// Every level, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Standard, Self::Best];

    /// The level's name in orders, manifests and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Standard => "standard",
            Self::Best => "best",
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|level| level.name() == text);
        known.ok_or_else(|| {
            Error::order(format!("\"{text}\" is not a quality level")).mend("give draft, standard or best")
        })
    }
}

/// The part of the schedule in which guidance holds (Kynkäänniemi et al., arXiv 2404.07724), in shares of the training's diffusion steps:
/// 1 is noise alone, 0 the clean latent.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Band {
    from: f32,
    to: f32,
}

impl Band {
    /// All of the schedule.
    pub const ALL: Self = Self { from: 0.0, to: 1.0 };

    /// Above `from` up to `to`.
    ///
    /// # Errors
    /// Unless `0 <= from < to <= 1`.
    pub fn new(from: f32, to: f32) -> Result<Self> {
        if (0.0..1.0).contains(&from) && from < to && to <= 1.0 {
            Ok(Self { from, to })
        } else {
            Err(Error::order(format!("guidance cannot hold from {from} to {to} of the schedule"))
                .mend("give two rising numbers from 0 to 1, such as 0.1..0.85"))
        }
    }

    /// Whether diffusion step `t` of `train_steps` lies in it.
    pub fn holds(self, t: usize, train_steps: usize) -> bool {
        let place = (t + 1) as f32 / train_steps.max(1) as f32;
        self.from < place && place <= self.to
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl FromStr for Band {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::order(format!("\"{text}\" is not a band")).mend("give two numbers such as 0.1..0.85");
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<f32>().map_err(|_| wrong());
        Self::new(number(from)?, number(to)?)
    }
}

impl TryFrom<String> for Band {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Band> for String {
    fn from(band: Band) -> Self {
        band.to_string()
    }
}

/// Steps between two that compute the whole network, at most.
pub const MOST_REUSE: u32 = 20;

/// What a quality level changes; what is absent stays as the pack does it anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Savings {
    /// Denoising steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Guidance scale on audio; 1 switches guidance off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f32>,
    /// How steps are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solver: Option<Solver>,
    /// Where guidance holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance_band: Option<Band>,
    /// Every so many steps the whole network is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<u32>,
}

impl Savings {
    /// What was ordered beside a level.
    pub fn ordered(settings: &Settings) -> Self {
        let Settings { steps, guidance, solver, guidance_band, reuse, .. } = *settings;
        Self { steps, guidance, solver, guidance_band, reuse }
    }

    /// What suits a pack that does `own` anyway and says nothing of the level. Networks that were made for few steps have little to give up.
    pub fn usual(level: Level, own: &Effort) -> Self {
        let many = own.steps > MANY;
        match level {
            Level::Standard if many => Self {
                steps: Some(own.steps.div_ceil(2)),
                solver: Some(Solver::Dpm),
                guidance_band: Some(USUAL_BAND),
                ..Self::default()
            },
            Level::Best | Level::Standard => Self::default(),
            Level::Draft if many => Self {
                steps: Some(own.steps.div_ceil(4)),
                solver: Some(Solver::Dpm),
                guidance_band: Some(USUAL_BAND),
                reuse: Some(2),
                ..Self::default()
            },
            Level::Draft => Self { steps: Some(own.steps.div_ceil(2)), ..Self::default() },
        }
    }
}

/// More steps than a network takes that was made for few.
const MANY: u32 = 8;

/// Where guidance matters, in shares of the schedule: what the paper found for Stable Diffusion XL (noise levels 0.28 to 5.42), rounded.
const USUAL_BAND: Band = Band { from: 0.1, to: 0.85 };

/// What the manifest of a pack says of each level; what is absent is [`Savings::usual`].
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Levels {
    /// Of `draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Savings>,
    /// Of `standard`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<Savings>,
    /// Of `best`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Savings>,
}

impl Levels {
    /// Whether nothing is said of any level.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is said of one.
    pub fn of(&self, level: Level) -> Option<Savings> {
        match level {
            Level::Draft => self.draft,
            Level::Standard => self.standard,
            Level::Best => self.best,
        }
    }
}

/// What is computed for a clip.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Effort {
    /// Denoising steps.
    pub steps: u32,
    /// Guidance scale on audio; 1 is no guidance.
    pub guidance: f32,
    /// How steps are made.
    pub solver: Solver,
    /// Where guidance holds.
    pub guidance_band: Band,
    /// Every so many steps the whole network is computed; 1 is always.
    pub reuse: u32,
}

impl Effort {
    /// DDIM with guidance everywhere and nothing reused.
    pub fn plain(steps: u32, guidance: f32) -> Self {
        Self { steps, guidance, solver: Solver::Ddim, guidance_band: Band::ALL, reuse: 1 }
    }

    /// What holds for a pack that does this anyway when `settings` are ordered: their own words first, then what `levels` says of the level that
    /// they name, then what is usual for it. Without a level it is what the pack does anyway.
    #[must_use]
    pub fn of(self, levels: &Levels, settings: &Settings) -> Self {
        let said = settings.quality.map(|level| levels.of(level).unwrap_or_else(|| Savings::usual(level, &self)));
        self.with(said.unwrap_or_default()).with(Savings::ordered(settings))
    }

    fn with(self, savings: Savings) -> Self {
        Self {
            steps: savings.steps.unwrap_or(self.steps),
            guidance: savings.guidance.unwrap_or(self.guidance),
            solver: savings.solver.unwrap_or(self.solver),
            guidance_band: savings.guidance_band.unwrap_or(self.guidance_band),
            reuse: savings.reuse.unwrap_or(self.reuse),
        }
    }

    /// Finds a number that a schedule of `train_steps` diffusion steps cannot honour.
    ///
    /// # Errors
    /// [`Cause::Order`](crate::error::Cause::Order) naming it.
    pub fn check(&self, train_steps: usize) -> Result<()> {
        let Self { steps, guidance, reuse, .. } = *self;
        let wrong = |what: String, mend: String| Err(Error::order(what).mend(mend));
        if !(1..=train_steps).contains(&(steps as usize)) {
            return wrong(
                format!("{steps} denoising steps are out of range"),
                format!("give 1 to {train_steps} steps"),
            );
        }
        if !(0.0..=100.0).contains(&guidance) {
            return wrong(format!("a guidance of {guidance} is out of range"), "give 0 to 100".into());
        }
        if !(1..=MOST_REUSE).contains(&reuse) {
            return wrong(
                format!("the whole network cannot be computed every {reuse} steps"),
                format!("give --reuse 1 (always) to {MOST_REUSE}"),
            );
        }
        Ok(())
    }

    /// Whether there is guidance at all: at a scale of exactly 1 the blind side has no weight.
    pub fn is_guided(&self) -> bool {
        (self.guidance - 1.0).abs() > f32::EPSILON
    }
}

/// One denoising step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The diffusion step of the training.
    pub t: usize,
    /// Whether the blind side of guidance is computed too.
    pub guided: bool,
    /// Whether the whole network is computed; else what its deep layers made at an earlier step is reused (`DeepCache`, Ma et al.,
    /// arXiv 2312.00858).
    pub whole: bool,
}

impl Effort {
    /// How a clip goes through the diffusion steps `steps` of a training with `train_steps`. A step that is guided reuses nothing of one
    /// that was not: the blind side was not computed there.
    pub fn course(&self, steps: &[usize], train_steps: usize) -> Vec<Step> {
        let guided = |t: usize| self.is_guided() && self.guidance_band.holds(t, train_steps);
        let mut kept = None;
        let step = |(index, t): (usize, &usize)| {
            let guided = guided(*t);
            let whole = (index as u32).is_multiple_of(self.reuse.max(1)) || (guided && kept != Some(true));
            if whole {
                kept = Some(guided);
            }
            Step { t: *t, guided, whole }
        };
        steps.iter().enumerate().map(step).collect()
    }
}

/// How often the network is computed for a clip; both sides of guidance count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Evaluations {
    /// Evaluations of the whole network.
    pub whole: u32,
    /// Evaluations of its outermost layers alone.
    pub shallow: u32,
}

impl Evaluations {
    /// Those of the steps of a clip.
    pub fn of(course: &[Step]) -> Self {
        course.iter().fold(Self::default(), |Self { whole, shallow }, step| {
            let sides = 1 + u32::from(step.guided);
            if step.whole { Self { whole: whole + sides, shallow } } else { Self { whole, shallow: shallow + sides } }
        })
    }
}

/// What a clip takes.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spent {
    /// What is in effect.
    #[serde(flatten)]
    pub effort: Effort,
    /// What it comes to.
    pub evaluations: Evaluations,
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { effort, evaluations: Evaluations { whole, shallow } } = self;
        write!(f, "{effort}: {whole} evaluation{} of the network", if *whole == 1 { "" } else { "s" })?;
        if *shallow > 0 { write!(f, " and {shallow} of its outermost layers") } else { Ok(()) }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, guidance, solver, guidance_band, reuse } = self;
        write!(f, "{steps} step{} of {}", if *steps == 1 { "" } else { "s" }, solver.name())?;
        match self.is_guided() {
            false => write!(f, ", no guidance")?,
            true if *guidance_band == Band::ALL => write!(f, ", guidance {guidance}")?,
            true => write!(f, ", guidance {guidance} in {guidance_band} of the schedule")?,
        }
        if *reuse > 1 { write!(f, ", the whole network every {reuse} steps") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(quality: Option<Level>) -> Settings {
        Settings { quality, ..Settings::default() }
    }

    #[test]
    fn without_a_level_a_pack_does_what_it_does() {
        let own = Effort { solver: Solver::Unipc, ..Effort::plain(40, 3.5) };
        let levels = Levels { draft: Some(Savings { steps: Some(3), ..Savings::default() }), ..Levels::default() };
        assert_eq!(own.of(&levels, &settings(None)), own);
        assert_eq!(own.of(&levels, &settings(Some(Level::Best))), own);
    }

    #[test]
    fn what_was_ordered_wins_over_the_manifest_and_that_over_what_is_usual() {
        let own = Effort::plain(40, 3.5);
        let draft = Savings { steps: Some(6), guidance: Some(1.0), ..Savings::default() };
        let levels = Levels { draft: Some(draft), ..Levels::default() };
        assert_eq!(own.of(&levels, &settings(Some(Level::Draft))), Effort::plain(6, 1.0));
        let more = Settings { steps: Some(9), reuse: Some(3), ..settings(Some(Level::Draft)) };
        assert_eq!(own.of(&levels, &more), Effort { reuse: 3, ..Effort::plain(9, 1.0) });
        let usual = own.of(&Levels::default(), &settings(Some(Level::Draft)));
        assert_eq!((usual.steps, usual.solver, usual.reuse, usual.guidance), (10, Solver::Dpm, 2, 3.5));
        assert_ne!(usual.guidance_band, Band::ALL);
    }

    #[test]
    fn levels_cost_no_more_the_lower_they_are() {
        for steps in 1..=50 {
            let own = Effort::plain(steps, 3.5);
            let [draft, standard, best] = Level::ALL.map(|level| own.of(&Levels::default(), &settings(Some(level))));
            assert!(draft.steps <= standard.steps && standard.steps <= best.steps && draft.steps >= 1, "{steps}");
            assert!(draft.reuse >= standard.reuse && best == own, "{steps}");
        }
    }

    #[test]
    fn bands_hold_what_they_say() {
        let band: Band = "0.2..0.8".parse().unwrap();
        let guided: Vec<usize> =
            [99, 199, 200, 499, 799, 800, 999].into_iter().filter(|t| band.holds(*t, 1000)).collect();
        assert_eq!(guided, [200, 499, 799]);
        assert!((0..1000).all(|t| Band::ALL.holds(t, 1000)));
        for text in ["0.2", "0.8..0.2", "0.5..0.5", "-0.1..1", "0..1.1", "nan..1", "a..b"] {
            assert!(text.parse::<Band>().unwrap_err().mending().is_some(), "{text}");
        }
        let json = serde_json::to_string(&band).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str::<Band>(&json).unwrap()), (r#""0.2..0.8""#, band));
    }

    #[test]
    fn a_course_reuses_what_was_computed_and_counts_both_sides() {
        let steps = [999, 799, 599, 399, 199];
        let course = |effort: Effort| {
            let course = effort.course(&steps, 1000);
            let marks: Vec<(bool, bool)> = course.iter().map(|step| (step.guided, step.whole)).collect();
            assert!(course.iter().map(|step| step.t).eq(steps));
            (marks, Evaluations::of(&course))
        };
        let plain = Effort::plain(5, 3.5);
        assert_eq!(course(plain), (vec![(true, true); 5], Evaluations { whole: 10, shallow: 0 }));
        assert_eq!(course(Effort::plain(5, 1.0)).1, Evaluations { whole: 5, shallow: 0 });
        let (marks, evaluations) = course(Effort { reuse: 2, ..plain });
        assert_eq!(marks.iter().map(|mark| mark.1).collect::<Vec<_>>(), [true, false, true, false, true]);
        assert_eq!(evaluations, Evaluations { whole: 6, shallow: 4 });
        // The second step is guided and the first was not; the fourth needs one side of what the third kept.
        let band = Effort { reuse: 2, guidance_band: "0.5..0.9".parse().unwrap(), ..plain };
        let (marks, evaluations) = course(band);
        assert_eq!(marks, [(false, true), (true, true), (true, true), (false, false), (false, true)]);
        assert_eq!(evaluations, Evaluations { whole: 6, shallow: 1 });
    }

    #[test]
    fn limits_are_kept_and_named() {
        let effort = Effort { reuse: MOST_REUSE, ..Effort::plain(1000, 100.0) };
        effort.check(1000).unwrap();
        Effort::plain(1, 0.0).check(1000).unwrap();
        let refused = [
            (Effort::plain(0, 1.0), "0 denoising steps"),
            (Effort::plain(1001, 1.0), "1001 denoising steps"),
            (Effort::plain(1, -0.5), "guidance of -0.5"),
            (Effort::plain(1, f32::NAN), "guidance"),
            (Effort { reuse: 0, ..Effort::plain(1, 1.0) }, "every 0 steps"),
            (Effort { reuse: MOST_REUSE + 1, ..Effort::plain(1, 1.0) }, "every 21 steps"),
        ];
        for (effort, what) in refused {
            let error = effort.check(1000).unwrap_err();
            assert!(error.to_string().contains(what) && error.mending().is_some(), "{error}");
        }
    }

    #[test]
    fn an_effort_says_what_it_is() {
        let told = |effort: Effort| effort.to_string();
        assert_eq!(told(Effort::plain(1, 1.0)), "1 step of ddim, no guidance");
        let band = "0.1..0.85".parse().unwrap();
        let effort = Effort { solver: Solver::Dpm, guidance_band: band, reuse: 2, ..Effort::plain(10, 3.5) };
        assert_eq!(
            told(effort),
            "10 steps of dpm, guidance 3.5 in 0.1..0.85 of the schedule, the whole network every 2 steps"
        );
        assert!("dpm++".parse::<Solver>().is_err() && "better".parse::<Level>().is_err());
        assert!(Solver::ALL.iter().all(|solver| solver.name().parse::<Solver>().unwrap() == *solver));
        assert!(Level::ALL.iter().all(|level| level.name().parse::<Level>().unwrap() == *level));
    }
}
