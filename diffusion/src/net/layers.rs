//! Loads linear layers, convolutions and norms by name.

use shared::Result;

use crate::{
    kernels::{Geometry, GroupNorm, LayerNorm, Numbers, Packed, Product},
    pack::weights::Scope,
};

/// A linear layer with bias: `weight` `[outer, inner]`.
pub(crate) fn linear(scope: &Scope<'_>, inner: usize, outer: usize) -> Result<Product> {
    let weights = scope.numbers("weight", &[outer, inner])?;
    let bias = scope.take("bias", &[outer])?;
    Ok(Product::new(Packed::new(scope.form(), &weights, outer, inner, 1), Some(bias), Geometry::POINT))
}

/// Several linear layers over the same input as one, their outputs side by side.
pub(crate) fn linears(scopes: &[Scope<'_>], inner: usize, outer: usize, with_bias: bool) -> Result<Product> {
    let form = scopes.first().map(Scope::form).unwrap_or_default();
    let mut weights = Vec::with_capacity(scopes.len());
    let mut bias = Vec::new();
    for scope in scopes {
        weights.push(scope.numbers("weight", &[outer, inner])?);
        if with_bias {
            bias.extend(scope.take("bias", &[outer])?);
        }
    }
    let packed = Packed::new(form, &Numbers::join(&weights), scopes.len() * outer, inner, 1);
    Ok(Product::new(packed, with_bias.then_some(bias), Geometry::POINT))
}

/// A convolution with bias: `weight` `[outer, inner, height, width]`.
pub(crate) fn conv(scope: &Scope<'_>, inner: usize, outer: usize, geometry: Geometry) -> Result<Product> {
    let [height, width] = geometry.kernel;
    let weights = scope.numbers("weight", &[outer, inner, height, width])?;
    let bias = scope.take("bias", &[outer])?;
    let form = scope.form().of_layer(geometry, [inner, outer]);
    Ok(Product::new(Packed::new(form, &weights, outer, inner, geometry.taps()), Some(bias), geometry))
}

/// A convolution along one line, with bias: `weight` `[outer, inner, kernel]`.
pub(crate) fn conv1d(scope: &Scope<'_>, inner: usize, outer: usize, kernel: usize, dilation: usize) -> Result<Product> {
    let weights = scope.numbers("weight", &[outer, inner, kernel])?;
    let bias = scope.take("bias", &[outer])?;
    let packed = Packed::new(scope.form(), &weights, outer, inner, kernel);
    Ok(Product::new(packed, Some(bias), Geometry::line(kernel, dilation)))
}

/// A group norm.
pub(crate) fn group_norm(scope: &Scope<'_>, groups: usize, channels: usize, eps: f64) -> Result<GroupNorm> {
    Ok(GroupNorm::new(groups, eps, scope.take("weight", &[channels])?, scope.take("bias", &[channels])?))
}

/// A layer norm.
pub(crate) fn layer_norm(scope: &Scope<'_>, channels: usize) -> Result<LayerNorm> {
    Ok(LayerNorm::new(scope.take("weight", &[channels])?, scope.take("bias", &[channels])?))
}
