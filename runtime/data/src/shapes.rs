//! Generated images: one drawn shape a picture, its class the kind of shape, over a textured and noisy ground.

use crate::fault::Fault;
use crate::place::Place;
use crate::source::{self, MAX_VALUES};
use crate::{ImageSet, Pixels};
use rayon::prelude::*;
use std::f32::consts::{PI, TAU};

const KINDS: [&str; 10] = [
    "disc", "square", "triangle", "ring", "cross", "stripes", "checks", "bar", "crescent", "dots",
];
const HELP: &str =
    "write generated images with 1 to 64 classes, sides of 8 to 1024 pixels and 1 to 16 channels";

/// Draws `n` pictures `[channels, side, side]` of `classes` kinds.
///
/// Sample `i` depends on `seed`, `i`, `classes`, `side` and `channels` only, never on `n`; each run of `classes`
/// samples holds every class once. Classes beyond the tenth repeat the kinds with two, three, … shapes a picture.
pub fn generated(
    n: usize,
    classes: usize,
    side: usize,
    channels: usize,
    seed: u64,
) -> Result<ImageSet, Fault> {
    let place = Place::bare("generated");
    let refuse = |message: String| Fault::damaged(place.path(), message, HELP);
    if !(1..=64).contains(&classes) || !(8..=1024).contains(&side) || !(1..=16).contains(&channels)
    {
        return Err(refuse(format!(
            "{classes} classes of {channels} x {side} x {side} cannot be drawn"
        )));
    }
    let sample = channels * side * side;
    let total = n.checked_mul(sample).filter(|t| *t <= MAX_VALUES);
    let total = total.ok_or_else(|| {
        Fault::io(
            place.path(),
            format!("{n} pictures do not fit in memory"),
            "draw fewer",
        )
    })?;
    let mut pixels: Vec<u8> = source::room(&place, total)?;
    pixels.resize(total, 0);
    let labels: Vec<u32> = (0..n).map(|i| class_of(seed, i, classes)).collect();
    pixels
        .par_chunks_mut(sample)
        .enumerate()
        .for_each(|(i, out)| {
            draw(
                out,
                labels[i] as usize,
                side,
                &mut Draws::new(seed, 1, i as u64),
            );
        });
    let parameters = format!(
        "textured shapes 2: n {n}, classes {classes}, side {side}, channels {channels}, seed {seed}"
    );
    Ok(ImageSet {
        name: format!("generated {side}x{side}"),
        channels,
        height: side,
        width: side,
        pixels: Pixels::U8(pixels),
        labels: Some(labels),
        classes: (0..classes).map(class_name).collect(),
        digest: blake3::hash(parameters.as_bytes()).to_hex().to_string(),
    })
}

fn class_name(class: usize) -> String {
    let kind = KINDS[class % KINDS.len()];
    match class / KINDS.len() {
        0 => kind.to_string(),
        more => format!("{} x {kind}", more + 1),
    }
}

/// The class at a position: every run of `classes` positions is a permutation of its own.
fn class_of(seed: u64, index: usize, classes: usize) -> u32 {
    let mut draws = Draws::new(seed, 2, (index / classes) as u64);
    let mut order: Vec<u32> = (0..classes as u32).collect();
    for k in (1..classes).rev() {
        order.swap(k, (draws.next() % (k as u64 + 1)) as usize);
    }
    order[index % classes]
}

/// SplitMix64, keyed: written out here so that pictures never change with another crate's version.
struct Draws(u64);

impl Draws {
    fn new(seed: u64, purpose: u64, index: u64) -> Draws {
        let mut mixed = 0x243F_6A88_85A3_08D3;
        for part in [seed, purpose, index] {
            mixed = mix(mixed ^ part);
        }
        Draws(mixed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Uniform in `[low, high)`.
    fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1u64 << 24) as f32)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A wave of brightness: the texture of a ground or of a shape.
struct Wave {
    fx: f32,
    fy: f32,
    phase: f32,
    strength: f32,
}

impl Wave {
    fn drawn(draws: &mut Draws, strongest: f32) -> Wave {
        let (turn, rate) = (draws.range(0.0, TAU), draws.range(2.0, 14.0));
        Wave {
            fx: rate * turn.cos(),
            fy: rate * turn.sin(),
            phase: draws.range(0.0, TAU),
            strength: draws.range(0.0, strongest),
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        self.strength * (self.fx * x + self.fy * y + self.phase).sin()
    }
}

/// Where a shape stands, in coordinates of -1 to 1.
struct Stand {
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    size: f32,
}

fn draw(out: &mut [u8], class: usize, side: usize, draws: &mut Draws) {
    let kind = class % KINDS.len();
    let count = class / KINDS.len() + 1;
    let channels = out.len() / (side * side);
    // The shape is brighter than the ground by a step that varies, in colours that tell nothing of the class. Small nets
    // have to learn it in a few hundred steps, so turns and shifts are moderate.
    let ground: Vec<f32> = (0..channels).map(|_| draws.range(40.0, 110.0)).collect();
    let step = draws.range(70.0, 120.0);
    let shape: Vec<f32> = ground
        .iter()
        .map(|g| (g + step + draws.range(-25.0, 25.0)).clamp(0.0, 255.0))
        .collect();
    let waves = [Wave::drawn(draws, 14.0), Wave::drawn(draws, 14.0)];
    let skin = Wave::drawn(draws, 12.0);
    let noise = draws.range(4.0, 14.0);
    let stands: Vec<Stand> = (0..count)
        .map(|k| {
            let shrink = 1.0 / (1.0 + 0.5 * (count - 1) as f32);
            let turn = draws.range(-0.3, 0.3);
            let ring = if count == 1 { 0.0 } else { 0.55 };
            let angle = TAU * k as f32 / count as f32 + 0.3;
            Stand {
                x: ring * angle.cos() + shrink * draws.range(-0.2, 0.2),
                y: ring * angle.sin() + shrink * draws.range(-0.2, 0.2),
                cos: turn.cos(),
                sin: turn.sin(),
                size: shrink * draws.range(0.6, 0.85),
            }
        })
        .collect();
    let pixel = 2.0 / side as f32;
    for row in 0..side {
        for column in 0..side {
            let (x, y) = (
                (column as f32 + 0.5) * pixel - 1.0,
                (row as f32 + 0.5) * pixel - 1.0,
            );
            let mut cover = 0f32;
            for stand in &stands {
                let (dx, dy) = ((x - stand.x) / stand.size, (y - stand.y) / stand.size);
                let (u, v) = (
                    stand.cos * dx + stand.sin * dy,
                    stand.cos * dy - stand.sin * dx,
                );
                let inside = -distance(kind, u, v) * stand.size / pixel;
                cover = cover.max((inside + 0.5).clamp(0.0, 1.0));
            }
            let under = waves[0].at(x, y) + waves[1].at(x, y);
            let over = skin.at(x, y);
            for c in 0..channels {
                let clean = (ground[c] + under) * (1.0 - cover) + (shape[c] + over) * cover;
                let value = clean + noise * (draws.range(-1.0, 1.0) + draws.range(-1.0, 1.0));
                out[c * side * side + row * side + column] = value.clamp(0.0, 255.0) as u8;
            }
        }
    }
}

/// How far outside of the shape a point lies; negative inside. The shape spans about -1 to 1.
fn distance(kind: usize, u: f32, v: f32) -> f32 {
    let radius = u.hypot(v);
    let block = |w: f32, h: f32| (u.abs() - w).max(v.abs() - h);
    match kind {
        0 => radius - 0.85,
        1 => block(0.75, 0.75),
        2 => {
            // Three half planes, a third of a turn apart.
            let edge = |turn: f32| u * turn.sin() + v * turn.cos() - 0.5;
            edge(0.0).max(edge(TAU / 3.0)).max(edge(2.0 * TAU / 3.0))
        }
        3 => (radius - 0.72).abs() - 0.2,
        4 => block(1.0, 0.26).min(block(0.26, 1.0)),
        5 => {
            block(0.95, 0.95).max(0.2 - ((u * 1.5 + 0.5).rem_euclid(1.0) - 0.5).abs() / 1.5 - 0.02)
        }
        6 => block(0.95, 0.95).max(0.12 * (PI * u * 1.05).sin() * (PI * v * 1.05).sin() * 4.0),
        7 => block(1.0, 0.24),
        8 => (radius - 0.9).max(0.78 - (u - 0.45).hypot(v)),
        _ => ((u.abs() - 0.62).hypot(v) - 0.36).min(radius + 2.0),
    }
}
