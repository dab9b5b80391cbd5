//! Conversion of decoded frames to another rate and another number of channels.

use ffmpeg_next::{
    ChannelLayout, Dictionary,
    format::{Sample, sample::Type},
    frame,
    software::resampling::{Context, context::Definition},
};

/// Samples beyond the computed number that one conversion may give.
const SLACK: usize = 64;

/// Converts frames of any kind to planar 32-bit floats of one rate and layout.
pub(crate) struct Resampler {
    layout: ChannelLayout,
    rate: u32,
    context: Option<Context>,
}

/// Samples of each channel.
pub(crate) type Planes = Vec<Vec<f32>>;

impl Resampler {
    /// A resampler to `layout` at `rate` Hz.
    pub(crate) fn new(layout: ChannelLayout, rate: u32) -> Self {
        Self { layout, rate, context: None }
    }

    /// Empty planes for this resampler to add to.
    pub(crate) fn planes(&self) -> Planes {
        vec![Vec::new(); usize::try_from(self.layout.channels()).unwrap_or(0)]
    }

    /// Converts `frame` and adds what is ready to `planes`. A change of the input's kind is followed.
    pub(crate) fn push(&mut self, frame: &frame::Audio, planes: &mut Planes) -> Result<(), ffmpeg_next::Error> {
        let given = Definition { format: frame.format(), channel_layout: frame.channel_layout(), rate: frame.rate() };
        if self.context.as_ref().is_some_and(|context| *context.input() != given) {
            self.finish(planes)?;
        }
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(open(given, self.layout, self.rate)?),
        };
        let waiting = context.delay().map_or(0, |delay| usize::try_from(delay.output).unwrap_or(0));
        let ready = frame.samples() * self.rate as usize / given.rate as usize + waiting + SLACK;
        let mut output = frame::Audio::new(FORMAT, ready, self.layout);
        context.run(frame, &mut output)?;
        append(&output, planes);
        Ok(())
    }

    /// Adds what the filter still holds to `planes`, at the end of the track.
    pub(crate) fn finish(&mut self, planes: &mut Planes) -> Result<(), ffmpeg_next::Error> {
        let Some(mut context) = self.context.take() else { return Ok(()) };
        loop {
            let waiting = context.delay().map_or(0, |delay| usize::try_from(delay.output).unwrap_or(0));
            let mut output = frame::Audio::new(FORMAT, waiting + SLACK, self.layout);
            context.flush(&mut output)?;
            if output.samples() == 0 {
                return Ok(());
            }
            append(&output, planes);
        }
    }
}

const FORMAT: Sample = Sample::F32(Type::Planar);

fn open(given: Definition, layout: ChannelLayout, rate: u32) -> Result<Context, ffmpeg_next::Error> {
    // Floats are mixed without attenuation by default: two equal channels would come out 1.4 times as loud.
    let options = Dictionary::from_iter([("rematrix_maxval", "1.0")]);
    Context::get_with(given.format, given.channel_layout, given.rate, FORMAT, layout, rate, options)
}

fn append(frame: &frame::Audio, planes: &mut Planes) {
    if frame.samples() > 0 {
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.extend_from_slice(frame.plane::<f32>(channel));
        }
    }
}
