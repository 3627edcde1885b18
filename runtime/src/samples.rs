//! Image sets as sources of batches.

use nas_diagnostics::Diagnostic;
use nas_eval::data::DataSource;
use nas_eval::host::DataRequest;
use nas_ir::HostTensor;
use nasc_data::{Fault, Header, ImageSet, Pixels, Split};
use std::path::PathBuf;
use std::sync::Arc;

/// An image set in memory, with the test set that comes with it.
#[derive(Debug)]
struct Images {
    set: ImageSet,
    test: Option<Arc<Images>>,
}

impl DataSource for Images {
    fn len(&self) -> usize {
        self.set.len()
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.set.channels, self.set.height, self.set.width]
    }

    fn classes(&self) -> usize {
        self.set.classes.len()
    }

    /// Pixels of 8 bits come as 0..1.
    fn fetch(&self, indices: &[u32]) -> Result<(HostTensor, HostTensor), Diagnostic> {
        let size = self.set.channels * self.set.height * self.set.width;
        let mut x = Vec::with_capacity(indices.len() * size);
        let mut y = Vec::with_capacity(indices.len());
        for i in indices {
            let i = *i as usize;
            match &self.set.pixels {
                Pixels::U8(p) => x.extend(
                    p[i * size..(i + 1) * size]
                        .iter()
                        .map(|v| *v as f32 / 255.0),
                ),
                Pixels::F32(p) => x.extend_from_slice(&p[i * size..(i + 1) * size]),
            }
            y.push(self.set.labels.as_ref().map_or(0, |l| l[i] as i32));
        }
        let mut shape = vec![indices.len()];
        shape.extend(self.shape());
        Ok((
            HostTensor::f32(shape, x),
            HostTensor::i32(vec![indices.len()], y),
        ))
    }

    fn digest(&self) -> String {
        self.set.digest.clone()
    }

    fn test(&self) -> Option<Arc<dyn DataSource>> {
        self.test.clone().map(|t| t as Arc<dyn DataSource>)
    }
}

/// What headers tell: enough to check against, not to read.
#[derive(Debug)]
struct Promise {
    header: Header,
    name: String,
    test: Option<Arc<Promise>>,
}

impl DataSource for Promise {
    fn len(&self) -> usize {
        self.header.len
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.header.channels, self.header.height, self.header.width]
    }

    fn classes(&self) -> usize {
        self.header.classes.unwrap_or(0)
    }

    fn fetch(&self, _: &[u32]) -> Result<(HostTensor, HostTensor), Diagnostic> {
        Err(Diagnostic::error(
            "E0304",
            "the samples are read only when the pipeline runs",
        ))
    }

    fn digest(&self) -> String {
        format!("header|{}|{:?}", self.name, self.shape())
    }

    fn test(&self) -> Option<Arc<dyn DataSource>> {
        self.test.clone().map(|t| t as Arc<dyn DataSource>)
    }
}

/// A reader's fault as a finding.
pub fn finding(f: Fault) -> Diagnostic {
    let mut d = Diagnostic::error(f.code, f.message);
    // The place in the file, for damaged data; the path is relative to what the reader was given.
    if let Some(o) = f.offset {
        d = d.note(format!("at byte {o} of {}", f.path.display()));
    }
    if f.help.is_empty() { d } else { d.help(f.help) }
}

/// What a format fixes of its data sets, wherever they are.
pub fn declared(r: &DataRequest) -> Option<Arc<dyn DataSource>> {
    let classes = match &*r.format {
        "cifar10" => 10,
        "cifar100" => 100,
        _ => return None,
    };
    let promise = |len, test| Promise {
        header: Header {
            len,
            channels: 3,
            height: 32,
            width: 32,
            classes: Some(classes),
        },
        name: r.path.to_string(),
        test,
    };
    Some(Arc::new(promise(
        50_000,
        Some(Arc::new(promise(10_000, None))),
    )))
}

/// Opens what a request names; headers only where nothing is to be read yet.
pub fn open(
    roots: &[PathBuf],
    r: &DataRequest,
    header_only: bool,
) -> Result<Arc<dyn DataSource>, Diagnostic> {
    if &*r.format == "generated" {
        let n = |i: usize| r.numbers.get(i).copied().unwrap_or(0).max(0) as usize;
        let (len, classes, side, seed, test) = (n(0), n(1), n(2), n(3) as u64, n(4));
        if header_only {
            let header = |len| Header {
                len,
                channels: 3,
                height: side,
                width: side,
                classes: Some(classes),
            };
            let t = Promise {
                header: header(test),
                name: "generated".into(),
                test: None,
            };
            return Ok(Arc::new(Promise {
                header: header(len),
                name: "generated".into(),
                test: Some(Arc::new(t)),
            }));
        }
        let train = nasc_data::generated(len, classes, side, 3, seed).map_err(finding)?;
        // The test set has draws of its own.
        let test =
            nasc_data::generated(test, classes, side, 3, seed ^ 0x7e57_5e75).map_err(finding)?;
        return Ok(Arc::new(Images {
            set: train,
            test: Some(Arc::new(Images {
                set: test,
                test: None,
            })),
        }));
    }
    let place = match &*r.format {
        "idx" => nasc_data::open_prefix(roots, &r.path),
        _ => nasc_data::open(roots, &r.path),
    }
    .map_err(finding)?;
    if header_only {
        let promise = |h: Result<Header, Fault>| {
            h.map(|header| Promise {
                header,
                name: r.path.to_string(),
                test: None,
            })
        };
        let both = |train: Result<Header, Fault>,
                    test: Result<Header, Fault>|
         -> Result<Arc<dyn DataSource>, Diagnostic> {
            let mut p = promise(train).map_err(finding)?;
            p.test = promise(test).ok().map(Arc::new);
            Ok(Arc::new(p))
        };
        return match &*r.format {
            "cifar10" => both(
                nasc_data::cifar10_header(&place, Split::Train),
                nasc_data::cifar10_header(&place, Split::Test),
            ),
            "cifar100" => both(
                nasc_data::cifar100_header(&place, Split::Train),
                nasc_data::cifar100_header(&place, Split::Test),
            ),
            "idx" if apart(&place) => both(
                nasc_data::idx_header(&place, Some(Split::Train)),
                nasc_data::idx_header(&place, Some(Split::Test)),
            ),
            "idx" => promise(nasc_data::idx_header(&place, None))
                .map(|p| Arc::new(p) as _)
                .map_err(finding),
            _ => {
                let f = nasc_data::images_header(&place).map_err(finding)?;
                let Some(size) = f.uniform() else {
                    return Err(Diagnostic::error(
                        "E0702",
                        "the images of this folder have different sizes",
                    )
                    .help("one size is needed to make batches"));
                };
                let header = Header {
                    len: f.len,
                    channels: size.channels,
                    height: size.height,
                    width: size.width,
                    classes: f.classes.as_ref().map(Vec::len),
                };
                Ok(Arc::new(Promise {
                    header,
                    name: r.path.to_string(),
                    test: None,
                }))
            }
        };
    }
    let images = |set: Result<ImageSet, Fault>| set.map(|set| Images { set, test: None });
    let both = |train: Result<ImageSet, Fault>,
                test: Result<ImageSet, Fault>|
     -> Result<Arc<dyn DataSource>, Diagnostic> {
        let mut i = images(train).map_err(finding)?;
        // A folder without a test set is a training set; a damaged one is a fault.
        i.test = match test {
            Ok(set) => Some(Arc::new(Images { set, test: None })),
            Err(f) if f.code == nasc_data::MISSING => None,
            Err(f) => return Err(finding(f)),
        };
        Ok(Arc::new(i))
    };
    match &*r.format {
        "cifar10" => both(
            nasc_data::cifar10(&place, Split::Train),
            nasc_data::cifar10(&place, Split::Test),
        ),
        "cifar100" => both(
            nasc_data::cifar100(&place, Split::Train),
            nasc_data::cifar100(&place, Split::Test),
        ),
        "idx" if apart(&place) => both(
            nasc_data::idx(&place, Some(Split::Train)),
            nasc_data::idx(&place, Some(Split::Test)),
        ),
        "idx" => images(nasc_data::idx(&place, None))
            .map(|i| Arc::new(i) as _)
            .map_err(finding),
        _ => images(nasc_data::images(&place))
            .map(|i| Arc::new(i) as _)
            .map_err(finding),
    }
}

/// Whether IDX files for training stand here, as they do where MNIST is unpacked: those for tests come apart then.
fn apart(place: &nasc_data::Place) -> bool {
    let train = || nasc_data::idx_header(place, Some(Split::Train));
    place.is_dir() && train().err().is_none_or(|f| f.code != nasc_data::MISSING)
}

/// A table as text.
pub fn table(roots: &[PathBuf], path: &str) -> Result<nas_eval::host::RawTable, Diagnostic> {
    let place = nasc_data::open(roots, path).map_err(finding)?;
    let t = nasc_data::table(&place).map_err(finding)?;
    Ok(nas_eval::host::RawTable {
        columns: t.columns,
        rows: t.rows,
        digest: t.digest,
    })
}

/// Most bytes of a file of weights.
const MAX_WEIGHTS: u64 = 8 << 30;

/// Trained tensors: a safetensors file, or a folder of `tensors.csv` and `weights.f32`.
pub fn weights(roots: &[PathBuf], path: &str) -> Result<nas_eval::host::RawWeights, Diagnostic> {
    let place = nasc_data::open(roots, path).map_err(finding)?;
    if place.is_dir() {
        let set = nasc_data::weights(&place).map_err(finding)?;
        let tensors = set
            .tensors
            .into_iter()
            .map(|t| (t.name, HostTensor::f32(t.shape, t.values)))
            .collect();
        return Ok(nas_eval::host::RawWeights {
            tensors,
            digest: set.digest,
        });
    }
    let refused = |e: std::io::Error| {
        Diagnostic::error(
            "E0706",
            format!("the weights of `{path}` cannot be read: {e}"),
        )
    };
    let size = std::fs::metadata(place.path()).map_err(refused)?.len();
    if size > MAX_WEIGHTS {
        return Err(Diagnostic::error(
            "E0706",
            format!("`{path}` has {size} bytes, and at most {MAX_WEIGHTS} are read"),
        ));
    }
    let bytes = std::fs::read(place.path()).map_err(refused)?;
    let set = nasc_store::TensorSet::decode(&bytes).map_err(|why| {
        Diagnostic::error("E0702", format!("`{path}` is no whole safetensors file: {why}"))
            .help("weights are read from `.safetensors` files, and from folders with `tensors.csv` and `weights.f32`")
    })?;
    let tensors = set
        .tensors
        .into_iter()
        .map(|t| {
            let values = match t.data {
                nasc_store::TensorData::F32(v) => v,
                nasc_store::TensorData::F64(v) => v.into_iter().map(|x| x as f32).collect(),
                nasc_store::TensorData::I64(v) => v.into_iter().map(|x| x as f32).collect(),
            };
            (t.name, HostTensor::f32(t.shape, values))
        })
        .collect();
    Ok(nas_eval::host::RawWeights {
        tensors,
        digest: blake3::hash(&bytes).to_hex().to_string(),
    })
}
