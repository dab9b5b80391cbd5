//! Kernels against the plainest loops, at sizes that do and do not fill vectors, tiles and tasks.

use candle_core::{Device, Tensor};
use half::f16;

use super::{lines::Parts, *};

fn numbers(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product::<usize>();
    let data: Vec<f32> = (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect();
    Tensor::from_vec(data, shape, &Device::Cpu).unwrap()
}

fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn single(x: &Tensor) -> Numbers {
    Numbers::Single(flat(x))
}

fn close(a: &Tensor, b: &Tensor) {
    close_in(Form::Exact, a, b);
}

/// Whether `a` is `b` as closely as the form promises: by the largest difference where it is exact, by norms where it is not.
fn close_in(form: Form, a: &Tensor, b: &Tensor) {
    assert_eq!(a.dims(), b.dims());
    let pairs = || flat(a).into_iter().zip(flat(b)).map(|(a, b)| (f64::from(a - b), f64::from(b)));
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let relative = norm(&mut pairs().map(|(off, _)| off)) / norm(&mut pairs().map(|(_, b)| b));
    let (found, limit) = match form {
        Form::Exact => (pairs().map(|(off, _)| off.abs()).fold(0.0, f64::max), 2e-5),
        Form::Minimal | Form::Tiled { parts: Parts::Two, .. } => (relative, 1e-5),
        Form::Tiled { parts: Parts::One, .. } => (relative, 1e-2),
        Form::Card(_) => unreachable!("cards have their own tests"),
    };
    // NaN is no difference that passes.
    assert!(found <= limit, "{}: {found:e}", form.name());
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
fn first(x: &Tensor) -> Tensor {
    x.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap()
}

/// Sizes of convolutions: inputs, outputs, height and width; maps whose rows are and are not groups of 16 pixels, or of tiles of 4 or 2.
const CONVOLUTIONS: [[usize; 4]; 10] = [
    [1, 1, 5, 4],
    [3, 17, 9, 8],
    [16, 33, 8, 10],
    [20, 64, 13, 6],
    [40, 96, 6, 16],
    [70, 32, 3, 32],
    [33, 30, 20, 48],
    [700, 40, 4, 8],
    [130, 25, 6, 6],
    [24, 70, 11, 39],
];

#[test]
fn convolutions_agree_with_candle_in_every_form() {
    for ([inner, outer, height, width], form) in
        CONVOLUTIONS.into_iter().flat_map(|sizes| Form::all().into_iter().map(move |form| (sizes, form)))
    {
        let weights = numbers(&[outer, inner, 3, 3], 1).affine(0.1, 0.0).unwrap();
        let bias = numbers(&[outer], 2);
        let x = numbers(&[2, height, width, inner], 3);
        let product =
            |geometry| Product::new(Packed::new(form, &single(&weights), outer, inner, 9), Some(flat(&bias)), geometry);
        let plain = |x: &Tensor, padding, stride| {
            let y = first(x).conv2d(&weights, padding, stride, 1, 1).unwrap();
            y.broadcast_add(&bias.reshape((1, outer, 1, 1)).unwrap()).unwrap()
        };
        // Sums of many numbers lose more in single precision.
        let scale = if form == Form::Exact && inner > 100 { 0.1 } else { 1.0 };
        let close = |found: &Tensor, plain: &Tensor| {
            close_in(form, &found.affine(scale, 0.0).unwrap(), &plain.affine(scale, 0.0).unwrap());
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
        assert_eq!(flat(&sum), flat(&bare.add(&residual).unwrap()));
        // One map by itself is the same as among others.
        let one = product(Geometry::SAME).maps_onto(&x.narrow(0, 1, 1).unwrap(), None, None).unwrap();
        assert_eq!(flat(&one), flat(&bare.narrow(0, 1, 1).unwrap()));
    }
}

#[test]
fn few_tiles_have_the_bits_of_many() {
    if !wide::has_many_registers() {
        eprintln!("this machine has too few registers: all tiles are computed alike");
        return;
    }
    // One map has 4, 2, 6 and 8 tiles, which are computed otherwise than those of seven maps; inputs that are no whole chunks, too.
    for [inner, outer, height, width] in [[320, 64, 8, 8], [70, 96, 4, 8], [24, 40, 11, 8], [130, 33, 8, 16]] {
        let weights = numbers(&[outer, inner, 3, 3], 1);
        for numbers_of in [single(&weights), Numbers::Half(flat(&weights).into_iter().map(f16::from_f32).collect())] {
            let packed = Packed::new(Form::Minimal, &numbers_of, outer, inner, 9);
            let layer = Product::new(packed, Some(flat(&numbers(&[outer], 3))), Geometry::SAME);
            let maps = numbers(&[7, height, width, inner], 2);
            let many = layer.maps(&maps).unwrap();
            for map in [0, 6] {
                let one = layer.maps(&maps.narrow(0, map, 1).unwrap().contiguous().unwrap()).unwrap();
                assert!(
                    flat(&one) == flat(&many.narrow(0, map, 1).unwrap()),
                    "{inner} to {outer} on {height} x {width}"
                );
            }
        }
    }
}

#[test]
fn rows_agree_with_candle_in_every_form() {
    // Rows, inputs and outputs: few and many rows, and more than one task takes.
    for (rows, inner, outer) in
        [(1, 1280, 320), (1, 5, 3), (16, 640, 96), (77, 33, 130), (700, 320, 70), (40, 5120, 64)]
    {
        let (weights, x) = (numbers(&[outer, inner], 1), numbers(&[rows, inner], 2));
        let (bias, residual) = (numbers(&[outer], 3), numbers(&[rows, outer], 4));
        let plain = x.matmul(&weights.t().unwrap()).unwrap();
        let plain = plain.broadcast_add(&bias).unwrap().add(&residual).unwrap();
        for form in Form::all() {
            let layer =
                Product::new(Packed::new(form, &single(&weights), outer, inner, 1), Some(flat(&bias)), Geometry::POINT);
            let found = layer.rows_onto(&x, Some(&residual)).unwrap();
            // Sums of thousands are larger than what they are off by in single precision.
            let scale = if form == Form::Exact { 1.0 / inner as f64 } else { 1.0 };
            close_in(form, &found.affine(scale, 0.0).unwrap(), &plain.affine(scale, 0.0).unwrap());
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_in_any_form() {
    for form in Form::all() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut found = Vec::new();
                for [inner, outer, height, width] in
                    [[70, 96, 16, 16], [320, 64, 8, 8], [64, 320, 4, 4], [24, 24, 64, 64]]
                {
                    let weights = numbers(&[outer, inner, 3, 3], 1);
                    let layer =
                        Product::new(Packed::new(form, &single(&weights), outer, inner, 9), None, Geometry::SAME);
                    found.extend(flat(&layer.maps(&numbers(&[3, height, width, inner], 2)).unwrap()));
                }
                for (n, rows, count) in [(1, 300, 1), (3, 64, 2)] {
                    let heads = Heads { count, channels: 40 * count, form };
                    found.extend(flat(&attend_self(heads, &numbers(&[n, rows, 120 * count], 3)).unwrap()));
                }
                found
            })
        };
        let one = run(1);
        assert!(one.iter().all(|x| x.is_finite()));
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "{} on {threads} threads", form.name());
        }
    }
}

#[test]
fn lines_agree_with_candle() {
    let (weights, x) = (numbers(&[9, 6, 5], 1), numbers(&[1, 1, 31, 6], 2));
    for (dilation, form) in [1, 2, 4].into_iter().flat_map(|d| Form::all().into_iter().map(move |form| (d, form))) {
        let packed = Packed::new(form, &single(&weights), 9, 6, 5);
        let found = Product::new(packed, None, Geometry::line(5, dilation)).maps(&x).unwrap();
        let rows = x.squeeze(1).unwrap().transpose(1, 2).unwrap().contiguous().unwrap();
        let plain = rows.conv1d(&weights, 2 * dilation, 1, dilation, 1).unwrap();
        close_in(form, &found.squeeze(1).unwrap().transpose(1, 2).unwrap().contiguous().unwrap(), &plain);
    }
}

#[test]
fn rows_change_their_order_on_the_way() {
    let (films, pixels, frames) = (2, 6, 3);
    for form in Form::all() {
        let packed = Packed::new(form, &single(&numbers(&[4, 5], 1)), 4, 5, 1);
        let layer = Product::new(packed, None, Geometry::POINT);
        let x = numbers(&[films, pixels, frames, 5], 2);
        let residual = numbers(&[films * frames, 2, 3, 4], 3);
        let plain = layer.rows(&x).unwrap().permute((0, 2, 1, 3)).unwrap().contiguous().unwrap();
        let plain = plain.reshape(residual.shape()).unwrap().add(&residual).unwrap();
        close(&layer.pixels_to_frames(&x, &residual).unwrap(), &plain);
    }
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
fn attention_agrees_with_its_definition_in_every_form() {
    // Rows and keys that do and do not fill tiles; the last three have more rows or keys than are taken at once.
    let sizes = [
        (1, 1, 1, 1, 4),
        (4, 7, 5, 2, 10),
        (2, 33, 40, 4, 64),
        (3, 50, 9, 2, 80),
        (2, 700, 36, 2, 80),
        (1, 64, 600, 8, 320),
        (1, 300, 300, 1, 130),
    ];
    for ((n, rows, keys, count, channels), form) in
        sizes.into_iter().flat_map(|sizes| Form::all().into_iter().map(move |form| (sizes, form)))
    {
        let heads = Heads { count, channels, form };
        let qkv = numbers(&[n, rows, 3 * channels], 1).affine(3.0, 0.0).unwrap();
        let [q, k, v] = [0, 1, 2].map(|part| columns(&qkv, part, channels));
        close_attention(form, &attend_self(heads, &qkv).unwrap(), &plain_attention(&q, &k, &v, count));
        let kv = numbers(&[n, keys, 2 * channels], 2);
        let [k, v] = [0, 1].map(|part| columns(&kv, part, channels));
        close_attention(form, &attend(heads, &q, &kv, 0).unwrap(), &plain_attention(&q, &k, &v, count));
        // One context for all, and blind entries behind.
        let one = kv.narrow(0, 0, 1).unwrap();
        let all = one.repeat((n, 1, 1)).unwrap();
        let [k, v] = [0, 1].map(|part| columns(&all, part, channels));
        let found = attend(heads, &q, &one, 3).unwrap();
        close_attention(form, &found.narrow(0, 0, n).unwrap(), &plain_attention(&q, &k, &v, count));
        assert!(flat(&found.narrow(0, n, 3).unwrap()).iter().all(|x| *x == 0.0));
    }
}

/// Scores of some tens go through an exponential, which multiplies what they are off: a tenth of the difference is looked at.
fn close_attention(form: Form, found: &Tensor, plain: &Tensor) {
    let part = if form == Form::Exact { 1.0 } else { 0.1 };
    let near = plain.add(&found.sub(plain).unwrap().affine(part, 0.0).unwrap()).unwrap();
    close_in(form, &near, plain);
}

#[test]
fn attention_through_time_sees_motion_frames_first() {
    let (films, pixels, frames, motion, count, channels) = (2, 45, 12, 4, 4, 24);
    let heads = Heads { count, channels, form: Form::Exact };
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

#[test]
fn weights_of_half_precision_give_the_bits_of_the_same_numbers_in_single() {
    // The last case has more rows than one task takes.
    for (outer, inner, taps, rows) in [(3, 5, 1, 2), (64, 32, 1, 40), (70, 33, 1, 600), (17, 6, 9, 4)] {
        let half: Vec<half::f16> =
            flat(&numbers(&[outer, inner, taps], 1)).into_iter().map(half::f16::from_f32).collect();
        let single: Vec<f32> = half.iter().map(|x| x.to_f32()).collect();
        let geometry = if taps == 9 { Geometry::SAME } else { Geometry::POINT };
        let layer = |packed| Product::new(packed, None, geometry);
        let run = |layer: Product| match taps {
            9 => flat(&layer.maps(&numbers(&[rows, 5, 7, inner], 2)).unwrap()),
            _ => flat(&layer.rows(&numbers(&[rows, inner], 2)).unwrap()),
        };
        for form in Form::all() {
            let [stored, widened] = [Numbers::Half(half.clone()), Numbers::Single(single.clone())]
                .map(|weights| run(layer(Packed::new(form, &weights, outer, inner, taps))));
            assert_eq!(stored, widened, "{outer} {inner} {taps}, {}", form.name());
        }
    }
}

#[test]
fn weights_that_are_absent_are_counted_and_never_run() {
    let layer = Product::new(Packed::new(Form::Exact, &Numbers::Absent(70 * 33), 70, 33, 1), None, Geometry::POINT);
    let x = numbers(&[6, 33], 1);
    let (result, counts) = meter::measure(|| layer.rows(&x).unwrap());
    assert_eq!((result.dims(), counts["other"]), (&[6, 70][..], 6 * 70 * 33));
    assert!(layer.rows(&x).unwrap_err().to_string().contains("without weights"));
}

#[test]
fn some_columns_of_a_layer_are_those_of_the_whole() {
    for form in Form::all() {
        let packed = Packed::new(form, &single(&numbers(&[96, 20], 1)), 96, 20, 1);
        let layer = Product::new(packed, Some(vec![0.5; 96]), Geometry::POINT);
        let x = numbers(&[2, 90, 20], 2);
        let all = layer.rows(&x).unwrap();
        // Whole blocks of columns, and others.
        for columns in [32..96, 0..64, 7..96, 30..31] {
            let expected = all.narrow(2, columns.start, columns.len()).unwrap();
            assert_eq!(flat(&layer.rows_of(&x, columns.clone()).unwrap()), flat(&expected), "{columns:?}");
        }
    }
    let packed = Packed::new(Form::Exact, &single(&numbers(&[96, 20], 1)), 96, 20, 1);
    let layer = Product::new(packed, None, Geometry::POINT);
    let x = numbers(&[2, 9, 20], 2);
    let (_, counts) = meter::measure(|| layer.rows_of(&x, 32..96).unwrap());
    assert_eq!(counts["other"], 18 * 20 * 64);
}

#[test]
fn a_transposed_layer_goes_the_other_way() {
    let weights = numbers(&[7, 40], 1);
    let x = numbers(&[3, 7], 2);
    let packed = Packed::transposed(Form::Exact, &Numbers::Single(flat(&weights)), 40, 7);
    close(&Product::new(packed, None, Geometry::POINT).rows(&x).unwrap(), &x.matmul(&weights).unwrap());
}

#[test]
fn joined_attention_sees_both_sequences() {
    let sizes = [(4, 7, 5, 3, 2, 10), (6, 300, 20, 33, 4, 64), (2, 40, 300, 290, 2, 80)];
    for ((n, rows, first, second, count, channels), form) in
        sizes.into_iter().flat_map(|sizes| Form::all().into_iter().map(move |form| (sizes, form)))
    {
        let heads = Heads { count, channels, form };
        let qkv = numbers(&[n, rows, 3 * channels], 1);
        // The first has an entry for each of ours, the second serves in turn.
        let (a, b) = (numbers(&[n, first, 3 * channels], 2), numbers(&[2, second, 2 * channels], 3));
        let turns: Vec<Tensor> = (0..n).map(|i| b.narrow(0, i % 2, 1).unwrap()).collect();
        let turns = Tensor::cat(&turns, 0).unwrap();
        let both = |part: usize| {
            Tensor::cat(&[&columns(&a, part + 1, channels), &columns(&turns, part, channels)], 1).unwrap()
        };
        let plain = plain_attention(&columns(&qkv, 0, channels), &both(0), &both(1), count);
        close_attention(form, &attend_joined(heads, &qkv, &a, &b).unwrap(), &plain);
        let (_, counts) = meter::measure(|| attend_joined(heads, &qkv, &a, &b).unwrap());
        assert_eq!(counts["other"] as usize, 2 * n * rows * (first + second) * channels);
    }
    let heads = Heads { count: 1, channels: 4, form: Form::Exact };
    let odd = numbers(&[3, 2, 8], 1);
    assert!(attend_joined(heads, &numbers(&[4, 2, 4], 2), &odd, &odd).is_err());
}

#[test]
fn groups_of_scores_become_weights() {
    let x = numbers(&[5, 3 * 4], 1).affine(4.0, 0.0).unwrap();
    let groups = x.reshape((5, 3, 4)).unwrap();
    let plain = groups.broadcast_sub(&groups.max_keepdim(2).unwrap()).unwrap().exp().unwrap();
    let plain = plain.broadcast_div(&plain.sum_keepdim(2).unwrap()).unwrap();
    close(&soften_groups(&x, 4).unwrap(), &plain.reshape((5, 12)).unwrap());
    assert!(soften_groups(&x, 5).is_err() && soften_groups(&x, 0).is_err());
}

#[test]
fn regions_weigh_branches_and_add_to_each_entry() {
    let (x, weights) = (numbers(&[2, 5, 6], 1), numbers(&[5, 3], 2));
    let plain = x.reshape((2, 5, 3, 2)).unwrap().broadcast_mul(&weights.reshape((1, 5, 3, 1)).unwrap()).unwrap();
    close(&weigh_branches(&x, &weights).unwrap(), &plain.reshape((2, 5, 6)).unwrap());
    assert!(weigh_branches(&x, &numbers(&[4, 3], 2)).is_err());
    let y = numbers(&[5, 6], 3);
    close(&add_to_each(&x, &y).unwrap(), &x.broadcast_add(&y).unwrap());
    assert!(add_to_each(&x, &numbers(&[5], 3)).is_err());
}

#[test]
fn the_rectifier_passes_what_is_above_zero() {
    let x = Tensor::new(&[-1.0f32, 0.0, 2.0, f32::NAN], &Device::Cpu).unwrap();
    let y = flat(&relu(&x).unwrap());
    assert!(y[..3] == [0.0, 0.0, 2.0] && y[3].is_nan());
}

/// `x` minus its mean over its root mean square along the last axis, written out.
fn plain_norm(x: &Tensor, eps: f64) -> Tensor {
    let last = x.rank() - 1;
    let centred = x.broadcast_sub(&x.mean_keepdim(last).unwrap()).unwrap();
    let variance = centred.sqr().unwrap().mean_keepdim(last).unwrap();
    centred.broadcast_div(&variance.affine(1.0, eps).unwrap().sqrt().unwrap()).unwrap()
}

#[test]
fn norms_agree_with_their_definitions() {
    for (n, height, width, channels, groups) in [(1, 3, 5, 8, 4), (2, 9, 16, 30, 3), (3, 40, 24, 64, 32)] {
        let (scale, shift) = (numbers(&[channels], 1), numbers(&[channels], 2));
        let x = numbers(&[n, height, width, channels], 3).affine(3.0, 1.0).unwrap();
        // Channels of a group and pixels side by side.
        let rows = x.reshape((n, height * width, groups, channels / groups)).unwrap().transpose(1, 2).unwrap();
        let rows = plain_norm(&rows.contiguous().unwrap().reshape((n, groups, ())).unwrap(), 1e-5);
        let rows = rows.reshape((n, groups, height * width, channels / groups)).unwrap().transpose(1, 2).unwrap();
        let plain = rows.contiguous().unwrap().reshape(x.shape()).unwrap();
        let plain = plain.broadcast_mul(&scale).unwrap().broadcast_add(&shift).unwrap();
        let norm = GroupNorm::new(groups, 1e-5, flat(&scale), flat(&shift));
        close(&norm.forward(&x).unwrap(), &plain);
        let silu = plain.broadcast_div(&plain.neg().unwrap().exp().unwrap().affine(1.0, 1.0).unwrap()).unwrap();
        close(&norm.forward_silu(&x).unwrap(), &silu);
        let by_pixel = plain.reshape((1, n, height * width, channels)).unwrap().transpose(1, 2).unwrap();
        close(&norm.forward_by_pixel(&x, n).unwrap(), &by_pixel.contiguous().unwrap());
        let plain = plain_norm(&x, 1e-5).broadcast_mul(&scale).unwrap().broadcast_add(&shift).unwrap();
        close(&LayerNorm::new(flat(&scale), flat(&shift)).forward(&x).unwrap(), &plain);
    }
}

#[test]
fn group_norms_hold_where_numbers_are_few_alike_or_far_from_zero() {
    let norm = |x: &Tensor| flat(&GroupNorm::new(2, 1e-5, vec![1.0; 4], vec![0.5; 4]).forward(x).unwrap());
    let maps = |size: usize, f: fn(usize) -> f32| {
        let data = (0..size * size * 4).map(f).collect::<Vec<f32>>();
        Tensor::from_vec(data, (1, size, size, 4), &Device::Cpu).unwrap()
    };
    // One pixel, and maps that are the same everywhere: nothing but the shift is left.
    assert!(norm(&maps(1, |_| 3.0)).iter().all(|x| (x - 0.5).abs() < 1e-3));
    assert!(norm(&maps(8, |_| -7.25)).iter().all(|x| (x - 0.5).abs() < 1e-3));
    // Far from zero, and an edge that is nothing like the rest: computed in double precision beside.
    let far: fn(usize) -> f32 = |i| 1000.0 + ((i * 7919) % 1009) as f32 / 504.5;
    let edge: fn(usize) -> f32 = |i| if i / 4 % 32 == 0 { 500.0 } else { ((i * 7919) % 1009) as f32 / 504.5 };
    for f in [far, edge] {
        let x = maps(32, f);
        let data = flat(&x);
        for (group, found) in [(0, 0), (1, 2)].map(|(group, first)| (group, norm(&x)[first..].to_vec())) {
            let own = |c: usize| data.iter().skip(2 * group + c).step_by(4).map(|x| f64::from(*x));
            let count = 2.0 * 1024.0;
            let mean = (own(0).sum::<f64>() + own(1).sum::<f64>()) / count;
            let variance = [0, 1].map(|c| own(c).map(|x| (x - mean).powi(2)).sum::<f64>()).iter().sum::<f64>() / count;
            for (x, found) in own(0).zip(found.iter().step_by(4)) {
                let exact = (x - mean) / (variance + 1e-5).sqrt() + 0.5;
                assert!((f64::from(*found) - exact).abs() < 2e-3 * exact.abs().max(0.1), "{found} {exact}");
            }
        }
    }
    // What is no number spreads over its group and no further.
    let spoilt = norm(&maps(8, |i| if i == 41 { f32::INFINITY } else { 1.0 + i as f32 }));
    assert!(spoilt.chunks(4).all(|pixel| pixel[0].is_nan() && pixel[1].is_nan() && pixel[2].is_finite()));
    assert!(GroupNorm::new(3, 1e-5, vec![1.0; 4], vec![0.0; 4]).forward(&maps(2, |_| 1.0)).is_err());
}

#[test]
fn gates_agree_with_their_definitions() {
    for (rows, width) in [(1, 1), (7, 33), (300, 160)] {
        let x = numbers(&[rows, 2 * width], 1).affine(4.0, 0.0).unwrap();
        let (value, gate) = (columns(&x, 0, width), columns(&x, 1, width));
        close(&geglu(&x).unwrap(), &value.mul(&gate.gelu_erf().unwrap()).unwrap());
        close(&gelu(&x).unwrap(), &x.gelu_erf().unwrap());
        close(&silu(&x).unwrap(), &x.silu().unwrap());
    }
    assert!(geglu(&numbers(&[2, 3], 1)).is_err());
}
