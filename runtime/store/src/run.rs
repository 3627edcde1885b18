//! A run's folder: the plan, the results, the report, the journal, and links into the store.

use crate::atomic::{sweep, write_atomic};
use crate::fault::StoreFault;
use crate::journal::{Journal, read_journal};
use serde_json::{Map, Value};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder `<out>/<pipeline>-<fingerprint>/` of one run and of its continuations.
#[derive(Debug)]
pub struct RunFolder {
    dir: PathBuf,
    journal: Mutex<Journal>,
}

impl RunFolder {
    /// Makes the folder, or opens it where an earlier run of the same plan made it. `name` is one plain folder name.
    pub fn create(out_dir: &Path, name: &str) -> Result<RunFolder, StoreFault> {
        let dir = out_dir.join(name);
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            let error = io::Error::new(
                io::ErrorKind::InvalidInput,
                "the name is no plain folder name",
            );
            return Err(StoreFault::new(&dir, "making the folder", None, &error));
        }
        fs::create_dir_all(&dir)
            .map_err(|e| StoreFault::new(&dir, "making the folder", None, &e))?;
        sweep(&dir);
        let journal = Mutex::new(Journal::open(dir.join("journal.jsonl"))?);
        Ok(RunFolder { dir, journal })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes `plan.txt`.
    pub fn write_plan(&self, text: &str) -> Result<(), StoreFault> {
        write_atomic(&self.dir.join("plan.txt"), text.as_bytes())
    }

    /// Writes `results.json`, indented, with its keys in the order given.
    pub fn write_results(&self, results: &Value) -> Result<(), StoreFault> {
        self.write_json("results.json", results)
    }

    /// Writes `report.html`.
    pub fn write_report(&self, html: &str) -> Result<(), StoreFault> {
        write_atomic(&self.dir.join("report.html"), html.as_bytes())
    }

    /// Appends an event to `journal.jsonl`; may be called from several threads.
    pub fn event(&self, event: &Value) -> Result<(), StoreFault> {
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(event)
    }

    /// All events so far, those of interrupted runs included.
    pub fn events(&self) -> Result<Vec<Value>, StoreFault> {
        read_journal(&self.dir.join("journal.jsonl"))
    }

    /// Writes `links.json`: each stage's name and the path of its artefact, relative to the store.
    pub fn write_links<'a>(
        &self,
        links: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), StoreFault> {
        let map: Map<String, Value> = links
            .into_iter()
            .map(|(name, to)| (name.to_string(), Value::from(to)))
            .collect();
        self.write_json("links.json", &Value::Object(map))
    }

    fn write_json(&self, name: &str, value: &Value) -> Result<(), StoreFault> {
        write_atomic(&self.dir.join(name), format!("{value:#}\n").as_bytes())
    }
}
