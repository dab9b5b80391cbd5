//! From the cells of a row to what `submit` is told by flags: the same words, the same limits.

use std::{path::PathBuf, str::FromStr};

use clap::ValueEnum;
use shared::{Error, Result, effort::MOST_REUSE};

use super::table::Cells;
use crate::args::{
    chains::ChainArgs,
    effort::EffortArgs,
    numbers::{face_expand, film_size, scale},
    orders::{CONSENTS, LookArgs, TermsArgs},
};

/// Takes cells out one after the other; whatever is left at the end is a column that nobody knows.
pub(super) struct Fields(Cells);

impl Fields {
    pub(super) fn new(cells: Cells) -> Self {
        Self(cells)
    }

    /// A cell that every row needs.
    ///
    /// # Errors
    /// When it is not there.
    pub(super) fn need(&mut self, name: &str) -> Result<String> {
        self.0.remove(name).ok_or_else(|| Error::order(format!("there is no {name}")).mend("every row needs one"))
    }

    /// What decides how the film looks.
    ///
    /// # Errors
    /// Names the column whose value cannot be used.
    pub(super) fn look(&mut self) -> Result<LookArgs> {
        Ok(LookArgs {
            model: self.0.remove("model"),
            fps: self.parse("fps")?,
            seed: self.parse("seed")?,
            segment_clips: self.within("segment_clips", 1..=1000)?,
            face: self.parse("face")?,
            mask_face: self.parse("mask_face")?,
            mask_lip: self.parse("mask_lip")?,
            face_expand: self.read("face_expand", face_expand)?,
            steps: self.within("steps", 1..=1000)?,
            guidance: self.read("guidance", scale)?,
            effort: EffortArgs {
                quality: self.parse("quality")?,
                solver: self.parse("solver")?,
                guidance_band: self.parse("guidance_band")?,
                reuse: self.within("reuse", 1..=MOST_REUSE)?,
            },
            head_speed: self.read("head_speed", scale)?,
            reference: self.read("reference", choice)?,
            handoff: self.read("handoff", choice)?,
            pose_weight: self.read("pose_weight", scale)?,
            face_weight: self.read("face_weight", scale)?,
            lip_weight: self.read("lip_weight", scale)?,
            gates: self.read("gates", choice)?,
            compute: self.read("compute", choice)?,
            size: self.read("size", film_size)?,
            chains: ChainArgs {
                continuity: self.parse("continuity")?,
                chain_seconds: self.within("chain_seconds", 1..=3600)?,
                join: self.parse("join")?,
                shots: self.0.remove("shots").map(PathBuf::from),
            },
        })
    }

    /// Under which conditions the job is worked on; `labels` are those of the whole batch.
    ///
    /// # Errors
    /// As [`Fields::look`].
    pub(super) fn terms(&mut self, labels: &[(String, String)]) -> Result<TermsArgs> {
        let consent = self.read("consent", |text| {
            if CONSENTS.contains(&text) {
                Ok(text.to_owned())
            } else {
                Err(format!("give one of {}", CONSENTS.join(", ")))
            }
        })?;
        let consent_reference = self.0.remove("consent_reference");
        if consent.is_some() != consent_reference.is_some() {
            return Err(Error::order("consent and consent_reference belong together").mend("give both or neither"));
        }
        let mut all = labels.to_vec();
        let keys: Vec<String> = self.0.keys().filter(|name| name.starts_with("label.")).cloned().collect();
        for name in keys {
            let value = self.0.remove(&name).unwrap_or_default();
            all.push((name["label.".len()..].to_owned(), value));
        }
        Ok(TermsArgs {
            priority: self.parse("priority")?,
            pool: self.parse("pool")?,
            gpu_memory: self.parse("gpu_memory")?,
            most_at_once: self.within("most_at_once", 1..=u32::MAX)?,
            external_id: self.0.remove("external_id"),
            labels: all,
            consent,
            consent_reference,
            preview: self.parse("preview")?,
            keep_latents: self.parse("keep_latents")?,
            keep_film: self.parse("keep_film")?,
            approve: self
                .read("approve", |text| text.parse::<bool>().map_err(|_| "give true or false".into()))?
                .unwrap_or(false),
            webhook: self.0.remove("webhook"),
        })
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// Names the columns that nobody knows.
    pub(super) fn end(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        Err(Error::order(format!("nobody knows the column {}", names.join(", ")))
            .mend("\"emofarm batch --help\" lists the columns"))
    }

    fn parse<T: FromStr>(&mut self, name: &str) -> Result<Option<T>>
    where
        T::Err: std::fmt::Display,
    {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    fn within(&mut self, name: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>> {
        self.read(name, |text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("give a number from {} to {}", range.start(), range.end())),
        })
    }

    fn read<T>(&mut self, name: &str, read: impl Fn(&str) -> std::result::Result<T, String>) -> Result<Option<T>> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        read(&text).map(Some).map_err(|why| Error::order(format!("{name} is \"{text}\"")).mend(why))
    }
}

/// One of the words that a flag takes.
fn choice<T: ValueEnum>(text: &str) -> std::result::Result<T, String> {
    T::from_str(text, false).map_err(|_| {
        let known = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("give {}", known.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::render::{Compute, Gates, Handoff, Reading};
    use shared::{
        Join,
        effort::{Level, Solver},
        seams::Continuity,
    };

    fn fields(cells: &[(&str, &str)]) -> Fields {
        Fields::new(cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect())
    }

    #[test]
    fn columns_are_read_by_the_words_of_the_flags() {
        let mut row = fields(&[
            ("fps", "29.97"),
            ("seed", "7"),
            ("face", "1,2,3,4"),
            ("guidance", "1.5"),
            ("size", "512"),
            ("reference", "corrected"),
            ("handoff", "latents"),
            ("pose_weight", "0.5"),
            ("face_weight", "2"),
            ("lip_weight", "0"),
            ("gates", "off"),
            ("compute", "exact"),
            ("quality", "draft"),
            ("solver", "dpm"),
            ("guidance_band", "0.1..0.9"),
            ("reuse", "2"),
            ("continuity", "anchored"),
            ("chain_seconds", "20"),
            ("join", "blend"),
            ("shots", "reel.edl"),
            ("priority", "urgent"),
            ("label.show", "orbit"),
            ("consent", "recorded"),
            ("consent_reference", "contract 7"),
        ]);
        let (look, terms) = (row.look().unwrap(), row.terms(&[("day".into(), "3".into())]).unwrap());
        row.end().unwrap();
        assert_eq!((look.fps.unwrap().to_string().as_str(), look.seed, look.size), ("30000/1001", Some(7), Some(512)));
        assert_eq!((look.gates, look.compute), (Some(Gates::Off), Some(Compute::Exact)));
        assert_eq!((look.effort.quality, look.effort.solver), (Some(Level::Draft), Some(Solver::Dpm)));
        assert_eq!((look.effort.guidance_band, look.effort.reuse), ("0.1..0.9".parse().ok(), Some(2)));
        assert_eq!((look.reference, look.handoff), (Some(Reading::Corrected), Some(Handoff::Latents)));
        assert_eq!([look.pose_weight, look.face_weight, look.lip_weight], [Some(0.5), Some(2.0), Some(0.0)]);
        assert_eq!((look.chains.continuity, look.chains.chain_seconds), (Some(Continuity::Anchored), Some(20)));
        assert_eq!((look.chains.join, look.chains.shots), (Some(Join::Blend), Some("reel.edl".into())));
        assert_eq!((terms.priority.unwrap().number(), terms.labels.len()), (100, 2));
    }

    #[test]
    fn values_and_columns_that_cannot_be_used_are_named() {
        let wrong = [
            ("fps", "0"),
            ("seed", "-1"),
            ("face", "1,2"),
            ("steps", "1001"),
            ("guidance", "nan"),
            ("size", "513"),
            ("reference", "plain"),
            ("lip_weight", "-1"),
            ("continuity", "soft"),
            ("chain_seconds", "0"),
            ("join", "glue"),
            ("quality", "better"),
            ("solver", "euler"),
            ("guidance_band", "0.9..0.1"),
            ("reuse", "21"),
        ];
        for (name, cell) in wrong {
            let error = fields(&[(name, cell)]).look().unwrap_err();
            assert!(error.to_string().contains(name) && error.mending().is_some(), "{error}");
        }
        let error = fields(&[("handoff", "wire")]).look().unwrap_err();
        assert_eq!(error.mending(), Some("give pixels or latents"));
        for (name, cell) in [("priority", "soon"), ("pool", "A b"), ("most_at_once", "0"), ("consent", "yes")] {
            let error = fields(&[(name, cell)]).terms(&[]).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(fields(&[("consent", "recorded")]).terms(&[]).is_err());
        assert!(fields(&[("colour", "red")]).end().unwrap_err().to_string().contains("colour"));
    }
}
