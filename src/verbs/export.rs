//! `nasc export`: a named result of a run, for other programs.

use super::Outcome;
use crate::args::{Export, ExportFormat};
use crate::show::Show;
use crate::{exit, world};
use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_eval::keep::{self, Kept};
use nas_ir::HostData;
use nasc_store::{Key, NamedTensor, Store, TensorData, TensorSet};
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::path::{Path, PathBuf};

pub fn run(args: &Export, show: &mut Show) -> Outcome {
    if !args.run.join("journal.jsonl").is_file() {
        let d = Diagnostic::error(
            "E0802",
            format!("`{}` is no run folder", args.run.display()),
        )
        .help("`nasc run` prints the folder of a run; by default it is below `runs/`");
        return Outcome::failed(exit::SOURCE, vec![d]);
    }
    let done = match args.format {
        ExportFormat::Json => named(args).map(|text| show.text(&text)),
        ExportFormat::Safetensors => weights(args, show),
        ExportFormat::Onnx => {
            let d = Diagnostic::error("E0309", "graphs cannot be written as ONNX in this version");
            Err(Box::new(d.help(
                "`--format safetensors` writes weights, `--format json` what was reported",
            )))
        }
    };
    match done {
        Ok(()) => Outcome::ok(),
        Err(d) => Outcome::failed(exit::SOURCE, vec![*d]),
    }
}

/// The named report as JSON.
fn named(args: &Export) -> Result<String, Box<Diagnostic>> {
    let results = read(&args.run.join("results.json"))?;
    let reports = results["reports"].as_object();
    match reports.and_then(|r| r.get(&args.name)) {
        Some(value) => Ok(format!("{value:#}\n")),
        None => {
            let names: Vec<&String> = reports.into_iter().flat_map(|r| r.keys()).collect();
            Err(unknown(
                &args.name,
                "result",
                &names,
                "its pipeline reports nothing",
            ))
        }
    }
}

fn read(path: &Path) -> Result<Json, Box<Diagnostic>> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        Diagnostic::error("E0803", format!("`{}` cannot be read: {e}", path.display()))
            .help("a run that was interrupted has no results yet: give the same command again")
    })?;
    serde_json::from_str(&text).map_err(|e| {
        let d = Diagnostic::error("E0803", format!("`{}` is damaged: {e}", path.display()));
        Box::new(d.help("give the command of the run again: finished stages are not repeated"))
    })
}

fn unknown(name: &str, what: &str, names: &[&String], none: &str) -> Box<Diagnostic> {
    let d = Diagnostic::error("E0802", format!("the run has no {what} `{name}`"));
    Box::new(match did_you_mean(name, names) {
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => d.help(none.to_string()),
        None => {
            let names: Vec<&str> = names.iter().map(|n| n.as_str()).collect();
            d.help(format!("one of {}", names.join(", ")))
        }
    })
}

/// The weights that a stage gave, as `<stage>.safetensors` in the run folder: written whole or not at all.
fn weights(args: &Export, show: &mut Show) -> Result<(), Box<Diagnostic>> {
    let links = read(&args.run.join("links.json"))?;
    let links = links.as_object().cloned().unwrap_or_default();
    let Some(link) = links.get(&args.name) else {
        let names: Vec<&String> = links.keys().collect();
        let none = "none of its stages trains or searches";
        return Err(unknown(&args.name, "stage with weights", &names, none));
    };
    let key = link["key"].as_str().unwrap_or_default();
    let store = Store::open(store_of(&args.run))
        .map_err(|f| Box::new(Diagnostic::error(f.code, f.message.clone()).help(f.help.clone())))?;
    let again = "give the command of the run again: what is missing is made again";
    let bytes = match store.get(&Key::from(key)) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let text = format!("the store has no result of `{}` any more", args.name);
            return Err(Box::new(Diagnostic::error("E0803", text).help(again)));
        }
        Err(damaged) => {
            let text = format!("the result of `{}` was damaged: {damaged}", args.name);
            return Err(Box::new(Diagnostic::error("E0708", text).help(again)));
        }
    };
    let kept = keep::tensors(&bytes).unwrap_or_default();
    if kept.is_empty() {
        let text = format!("`{}` holds no weights", args.name);
        let help = "`--format json` writes what was reported: numbers, architectures, tables";
        return Err(Box::new(Diagnostic::error("E0802", text).help(help)));
    }
    let set = set_of(&kept, &args.name, link);
    let encoded = set
        .encode()
        .map_err(|e| Diagnostic::error("E0803", format!("`{}`: {e}", args.name)))?;
    let name: String = args
        .name
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    let path = args
        .run
        .join(format!("{}.safetensors", name.trim_matches('-')));
    nasc_store::write_atomic(&path, &encoded)
        .map_err(|f| Box::new(Diagnostic::error(f.code, f.to_string()).help(f.help.clone())))?;
    show.text(&format!("{}\n", super::shown(&path)));
    let _ = std::io::stdout().flush();
    Ok(())
}

/// Tensors by address, with what tells where they belong.
fn set_of(kept: &[Kept], stage: &str, link: &Json) -> TensorSet {
    let mut addresses = Map::new();
    let mut tensors = vec![];
    for k in kept {
        let path = k.path.trim_start_matches('.');
        let name = match path.is_empty() {
            true => k.address.clone(),
            false => format!("{path}/{}", k.address),
        };
        let data = match &k.tensor.data {
            HostData::F32(v) => TensorData::F32(v.to_vec()),
            HostData::F64(v) => TensorData::F64(v.to_vec()),
            HostData::I32(v) => TensorData::I64(v.iter().map(|x| i64::from(*x)).collect()),
        };
        addresses.insert(
            name.clone(),
            json!({ "address": k.address, "trained": k.trained, "in": path }),
        );
        tensors.push(NamedTensor {
            name,
            shape: k.tensor.shape.clone(),
            data,
        });
    }
    let metadata = json!({
        "stage": stage, "made of": link["about"], "addresses": addresses,
        "version": env!("CARGO_PKG_VERSION"),
    });
    TensorSet {
        tensors,
        metadata: metadata.to_string(),
    }
}

/// The store that a run used: `$NASC_STORE`, or beside the file that its journal names.
fn store_of(run: &Path) -> PathBuf {
    let events = nasc_store::read_journal(&run.join("journal.jsonl")).unwrap_or_default();
    let file = events.iter().rev().find_map(|e| e["file"].as_str());
    world::store(Path::new(file.unwrap_or("")))
}
