//! One name for each tensor, whatever library wrote the file: the published names of the network, and for autoencoder and
//! speech encoder those that their libraries write today.

use super::HalloConfig;

/// Names in the network's file; tensors that the release never reads get none.
pub(crate) fn network(config: &HalloConfig, name: &str) -> Option<String> {
    (!config.is_dead(name)).then(|| name.to_owned())
}

/// Names in the autoencoder's file: the attention's layers had others when `sd-vae-ft-mse` was published.
pub(crate) fn vae(name: &str) -> String {
    let renamed = [
        (".attentions.0.query.", ".attentions.0.to_q."),
        (".attentions.0.key.", ".attentions.0.to_k."),
        (".attentions.0.value.", ".attentions.0.to_v."),
        (".attentions.0.proj_attn.", ".attentions.0.to_out.0."),
    ];
    let old = renamed.iter().find(|(old, _)| name.contains(old));
    old.map_or_else(|| name.to_owned(), |(old, new)| name.replace(old, new))
}

/// Names in the speech encoder's file. The released one is a speech recogniser: the encoder's names have a prefix there, and
/// what follows the encoder is not needed. Its positional convolution was saved before the library moved weight
/// normalisation into a parametrisation.
pub(crate) fn speech(name: &str) -> Option<String> {
    const PLACE: &str = "encoder.pos_conv_embed.conv.";
    let name = name.strip_prefix("wav2vec2.").unwrap_or(name);
    if !["encoder.", "feature_extractor.", "feature_projection."].iter().any(|part| name.starts_with(part)) {
        return None;
    }
    Some(match name.strip_prefix(PLACE) {
        Some("weight_g") => format!("{PLACE}parametrizations.weight.original0"),
        Some("weight_v") => format!("{PLACE}parametrizations.weight.original1"),
        _ => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_name() {
        assert_eq!(
            vae("decoder.mid_block.attentions.0.proj_attn.weight"),
            vae("decoder.mid_block.attentions.0.to_out.0.weight")
        );
        assert_eq!(vae("encoder.mid_block.attentions.0.query.bias"), "encoder.mid_block.attentions.0.to_q.bias");
        let original = "encoder.pos_conv_embed.conv.parametrizations.weight.original";
        assert_eq!(speech("wav2vec2.encoder.pos_conv_embed.conv.weight_g").unwrap(), format!("{original}0"));
        assert_eq!(speech("encoder.pos_conv_embed.conv.weight_v"), speech(&format!("wav2vec2.{original}1")));
        assert_eq!(speech("wav2vec2.encoder.layer_norm.bias").unwrap(), "encoder.layer_norm.bias");
        for head in ["lm_head.weight", "wav2vec2.masked_spec_embed", "quantizer.codevectors", "project_q.bias"] {
            assert_eq!(speech(head), None);
        }
    }
}
