//! Orders that come with their files as a form: a part `order` with JSON, and the files `portrait` and `audio`.

use axum::extract::{Multipart, multipart::Field};
use serde::de::DeserializeOwned;

use super::{Files, Incoming, Part, Scratch, own_name};
use crate::api::{
    code::Code,
    extract::parse,
    problem::{Answer, Problem},
    settings::Limits,
};

/// Reads the form to its end; files go to `scratch` as they come. Also gives the bytes of the part `order`.
pub(crate) async fn multipart<B: DeserializeOwned + Default>(
    mut form: Multipart,
    scratch: &Scratch,
    limits: &Limits,
) -> Answer<(B, Vec<u8>, Files)> {
    let (mut order, mut files) = (None, Files::default());
    while let Some(field) = timely(limits, form.next_field()).await? {
        match field.name().unwrap_or_default() {
            "order" if order.is_none() => order = Some(text(field, limits).await?),
            "portrait" if files.portrait.is_none() => {
                files.portrait = Some(file(field, Part::Portrait, scratch, limits).await?);
            }
            "audio" if files.audio.is_none() => files.audio = Some(file(field, Part::Audio, scratch, limits).await?),
            name @ ("order" | "portrait" | "audio") => {
                return Err(Problem::field(name, format!("the form holds two parts called {name}")));
            }
            name => {
                return Err(Problem::field(name, format!("the form holds an unknown part \"{name}\""))
                    .mend("the parts are order, portrait and audio"));
            }
        }
    }
    let bytes = order.unwrap_or_default();
    let order = if bytes.is_empty() { B::default() } else { parse(&bytes)? };
    Ok((order, bytes, files))
}

async fn text(mut field: Field<'_>, limits: &Limits) -> Answer<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(piece) = timely(limits, field.chunk()).await? {
        if bytes.len() + piece.len() > limits.json_bytes {
            return Err(Problem::new(Code::TooLarge, format!("the order has more than {} bytes", limits.json_bytes)));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

async fn file(mut field: Field<'_>, part: Part, scratch: &Scratch, limits: &Limits) -> Answer<super::File> {
    let name = own_name(field.file_name().unwrap_or(part.name()))?.to_owned();
    let mut incoming = Incoming::begin(scratch, part, &name, limits).await?;
    while let Some(piece) = timely(limits, field.chunk()).await? {
        incoming.piece(&piece).await?;
    }
    incoming.end().await
}

/// The next piece, unless the client falls silent or the form is broken.
async fn timely<T>(
    limits: &Limits,
    next: impl Future<Output = Result<T, axum::extract::multipart::MultipartError>>,
) -> Answer<T> {
    match tokio::time::timeout(limits.silence, next).await {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => Err(Problem::new(Code::Malformed, format!("the form cannot be read: {}", error.body_text()))),
        Err(_) => Err(Problem::new(Code::TimedOut, format!("no byte came for {} s", limits.silence.as_secs_f64()))),
    }
}
