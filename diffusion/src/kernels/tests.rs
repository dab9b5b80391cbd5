//! Kernels against the plainest loops, at sizes that do and do not fill vectors, tiles and tasks.

use candle_core::{Device, Tensor};

use super::*;

fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product::<usize>();
    let data: Vec<f32> = (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn close(a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let worst = flat(a).iter().zip(flat(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 2e-5, "{worst}");
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
fn first(x: &Tensor) -> Tensor {
    x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

#[test]
fn convolutions_agree_with_candle() {
    for (inner, outer, height, width) in [(1, 1, 5, 4), (3, 17, 9, 8), (16, 33, 8, 10), (20, 64, 13, 6)] {
        let weights = numbers(&[outer, inner, 3, 3], 1).affine(0.1, 0.0).unwrap();
        let bias = numbers(&[outer], 2);
        let x = numbers(&[2, height, width, inner], 3);
        let product =
            |geometry| Product::new(Packed::new(&flat(&weights), outer, inner, 9), Some(flat(&bias)), geometry);
        let plain = |x: &Tensor, padding, stride| {
            let y = first(x).conv2d(&weights, padding, stride, 1, 1).unwrap();
            y.broadcast_add(&bias.reshape((1, outer, 1, 1)).unwrap()).unwrap()
        };
        close(&first(&product(Geometry::SAME).maps(&x).unwrap()), &plain(&x, 1, 1));
        close(&first(&product(Geometry::HALVE).maps(&x).unwrap()), &plain(&x, 1, 2));
        let padded = x.pad_with_zeros(1, 0, 1).unwrap().pad_with_zeros(2, 0, 1).unwrap();
        close(&first(&product(Geometry::HALVE_CORNER).maps(&x).unwrap()), &plain(&padded, 0, 2));
        let doubled = first(&x).upsample_nearest2d(2 * height, 2 * width).unwrap().permute((0, 2, 3, 1)).unwrap();
        close(&first(&product(Geometry::DOUBLE).maps(&x).unwrap()), &plain(&doubled.contiguous().unwrap(), 1, 1));
        let residual = numbers(&[2, height, width, outer], 4);
        let sum = product(Geometry::SAME).maps_onto(&x, None, Some(&residual)).unwrap();
        let bare = product(Geometry::SAME).maps_onto(&x, None, None).unwrap();
        close(&sum, &bare.add(&residual).unwrap());
    }
}

#[test]
fn lines_agree_with_candle() {
    let (weights, x) = (numbers(&[9, 6, 5], 1), numbers(&[1, 1, 31, 6], 2));
    for dilation in [1, 2, 4] {
        let packed = Packed::new(&flat(&weights), 9, 6, 5);
        let found = Product::new(packed, None, Geometry::line(5, dilation)).maps(&x).unwrap();
        let rows = x.squeeze(1).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
        let plain = rows.conv1d(&weights, 2 * dilation, 1, dilation, 1).unwrap();
        close(&found.squeeze(1).unwrap().transpose(1, 2).unwrap().contiguous().unwrap(), &plain);
    }
}

#[test]
fn rows_change_their_order_on_the_way() {
    let (films, pixels, frames) = (2, 6, 3);
    let layer = Product::new(Packed::new(&flat(&numbers(&[4, 5], 1)), 4, 5, 1), None, Geometry::POINT);
    let x = numbers(&[films, pixels, frames, 5], 2);
    let residual = numbers(&[films * frames, 2, 3, 4], 3);
    let plain = layer.rows(&x).unwrap().permute((0, 2, 1, 3)).unwrap().contiguous().unwrap();
    let plain = plain.reshape(residual.shape()).unwrap().add(&residual).unwrap();
    close(&layer.pixels_to_frames(&x, &residual).unwrap(), &plain);
}

/// Attention of one head's rows, written out.
fn plain_attention(q: &Tensor, k: &Tensor, v: &Tensor, heads: usize) -> Tensor {
    let split = |x: &Tensor| {
        let (n, rows, channels) = x.dims3().unwrap();
        let x = x.reshape((n, rows, heads, channels / heads)).unwrap();
        x.transpose(1, 2).unwrap().contiguous().unwrap()
    };
    let scale = 1.0 / ((q.dim(2).unwrap() / heads) as f64).sqrt();
    let scores = split(q).matmul(&split(k).transpose(2, 3).unwrap().contiguous().unwrap()).unwrap();
    let scores = scores.affine(scale, 0.0).unwrap();
    let weights = scores.broadcast_sub(&scores.max_keepdim(3).unwrap()).unwrap().exp().unwrap();
    let weights = weights.broadcast_div(&weights.sum_keepdim(3).unwrap()).unwrap();
    let y = weights.matmul(&split(v)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
    y.reshape(q.shape()).unwrap()
}

fn columns(x: &Tensor, part: usize, channels: usize) -> Tensor {
    x.narrow(x.rank() - 1, part * channels, channels).unwrap().contiguous().unwrap()
}

#[test]
fn attention_agrees_with_its_definition() {
    // The last case has more rows than one task takes.
    for (n, rows, keys, count, channels) in [(1, 1, 1, 1, 4), (4, 7, 5, 2, 10), (2, 33, 40, 4, 64), (2, 700, 36, 2, 80)]
    {
        let heads = Heads { count, channels };
        let qkv = numbers(&[n, rows, 3 * channels], 1).affine(3.0, 0.0).unwrap();
        let [q, k, v] = [0, 1, 2].map(|part| columns(&qkv, part, channels));
        close(&attend_self(heads, &qkv).unwrap(), &plain_attention(&q, &k, &v, count));
        let kv = numbers(&[n, keys, 2 * channels], 2);
        let [k, v] = [0, 1].map(|part| columns(&kv, part, channels));
        close(&attend(heads, &q, &kv, 0).unwrap(), &plain_attention(&q, &k, &v, count));
        // One context for all, and blind entries behind.
        let one = kv.narrow(0, 0, 1).unwrap();
        let all = one.repeat((n, 1, 1)).unwrap();
        let [k, v] = [0, 1].map(|part| columns(&all, part, channels));
        let found = attend(heads, &q, &one, 3).unwrap();
        close(&found.narrow(0, 0, n).unwrap(), &plain_attention(&q, &k, &v, count));
        assert!(flat(&found.narrow(0, n, 3).unwrap()).iter().all(|x| *x == 0.0));
    }
}

#[test]
fn attention_through_time_sees_motion_frames_first() {
    let (films, pixels, frames, motion, count, channels) = (2, 45, 12, 4, 4, 24);
    let heads = Heads { count, channels };
    let qkv = numbers(&[films, pixels, frames, 3 * channels], 1);
    let before = numbers(&[pixels, motion, 2 * channels], 2);
    let flat_qkv = qkv.reshape((films * pixels, frames, 3 * channels)).unwrap();
    let [q, k, v] = [0, 1, 2].map(|part| columns(&flat_qkv, part, channels));
    let with_motion = |part, own: &Tensor| {
        Tensor::cat(&[&columns(&before, part, channels).repeat((films, 1, 1)).unwrap(), own], 1).unwrap()
    };
    let plain = plain_attention(&q, &with_motion(0, &k), &with_motion(1, &v), count);
    let found = attend_through_time(heads, &qkv, &before).unwrap();
    close(&found.reshape(plain.shape()).unwrap(), &plain);
}

#[test]
fn maps_are_joined_along_channels() {
    let (x, y) = (numbers(&[4, 3, 2, 5], 1), numbers(&[2, 3, 2, 3], 2));
    let twice = Tensor::cat(&[&y, &y], 0).unwrap();
    close(&join(&x, &y).unwrap(), &Tensor::cat(&[&x, &twice], 3).unwrap());
    assert!(join(&y, &x).is_err());
}
