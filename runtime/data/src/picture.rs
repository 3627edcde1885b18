//! One PNG or JPEG: its size from the header, its pixels as planes.

use crate::fault::guarded;
use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// No picture beyond this many pixels is decoded.
const MAX_PIXELS: u64 = 64 << 20;
/// Deflate cannot shrink further than about 1:1032.
const MAX_DEFLATE: u64 = 1100;

/// What a picture's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Size {
    pub(crate) fn values(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Reads only the header.
pub(crate) fn size(bytes: &[u8]) -> Result<Size, String> {
    guarded(|| start(bytes).map(|(_, size, _)| size))
}

/// Decodes into planes `[channels, height, width]`.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Size, Vec<u8>), String> {
    guarded(|| {
        let (decoder, size, colour) = start(bytes)?;
        let total = usize::try_from(decoder.total_bytes())
            .map_err(|_| "the picture is too large".to_string())?;
        let mut raw = vec![0u8; total];
        decoder
            .read_image(&mut raw)
            .map_err(|e| format!("the picture cannot be decoded: {e}"))?;
        if bytes.starts_with(JPEG) {
            raw = jpeg(bytes, size)?;
        }
        planes(&raw, size, colour).map(|p| (size, p))
    })
}

/// How a JPEG begins.
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];

/// A JPEG's pixels as libjpeg gives them, to the bit: most recorded results were made with it, and decoders differ by up to
/// three levels where colours are stored at half the size. Damage was found before, by a decoder that forgives nothing.
fn jpeg(bytes: &[u8], size: Size) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("the picture cannot be decoded: {e}");
    let start = mozjpeg::Decompress::new_mem(bytes).map_err(failed)?;
    let mut lines = if size.channels == 1 {
        start.grayscale()
    } else {
        start.rgb()
    }
    .map_err(failed)?;
    let raw = lines.read_scanlines::<u8>().map_err(failed)?;
    lines.finish().map_err(failed)?;
    if raw.len() != size.values() {
        return Err("the picture's header and its pixels differ in size".to_string());
    }
    Ok(raw)
}

fn start(bytes: &[u8]) -> Result<(impl ImageDecoder + '_, Size, ColorType), String> {
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| e.to_string())?;
    let format = match reader.format() {
        Some(f @ (ImageFormat::Png | ImageFormat::Jpeg)) => f,
        _ => return Err("this is neither a PNG nor a JPEG".to_string()),
    };
    let mut limits = Limits::default();
    limits.max_alloc = Some(1 << 30);
    reader.limits(limits);
    let decoder = reader
        .into_decoder()
        .map_err(|e| format!("the picture's header cannot be read: {e}"))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err("the picture has no pixel".to_string());
    }
    if pixels > MAX_PIXELS {
        return Err(format!(
            "the picture has {width} x {height} pixels, and at most {MAX_PIXELS} are read"
        ));
    }
    if format == ImageFormat::Png && pixels / 8 > MAX_DEFLATE * bytes.len() as u64 {
        return Err(format!(
            "{} bytes cannot hold {width} x {height} pixels",
            bytes.len()
        ));
    }
    let colour = decoder.color_type();
    let channels = match colour {
        ColorType::L8 | ColorType::La8 => 1,
        ColorType::Rgb8 | ColorType::Rgba8 => 3,
        _ => {
            return Err(
                "the picture has more than 8 bits a channel; convert it to 8 bits".to_string(),
            );
        }
    };
    Ok((
        decoder,
        Size {
            channels,
            height: height as usize,
            width: width as usize,
        },
        colour,
    ))
}

/// Interleaved bytes to planes; an alpha channel is dropped only where it hides nothing.
fn planes(raw: &[u8], size: Size, colour: ColorType) -> Result<Vec<u8>, String> {
    let stored = usize::from(colour.channel_count());
    if stored == 1 {
        return Ok(raw.to_vec());
    }
    let area = size.height * size.width;
    let mut out = vec![0u8; size.values()];
    for (i, pixel) in raw.chunks_exact(stored).take(area).enumerate() {
        for (c, value) in pixel.iter().take(size.channels).enumerate() {
            out[c * area + i] = *value;
        }
        if stored > size.channels && pixel[stored - 1] != u8::MAX {
            return Err("the picture is partly transparent; flatten it first".to_string());
        }
    }
    Ok(out)
}

/// A grey picture as three equal planes.
pub(crate) fn as_colour(grey: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(grey.len() * 3);
    for _ in 0..3 {
        out.extend_from_slice(&grey);
    }
    out
}
