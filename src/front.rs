//! From a file's name to a checked program: reading, names, shapes, with the findings of all three.

use crate::args::{Common, Setting};
use crate::exit;
use crate::verbs::Outcome;
use crate::world::{self, Disk};
use nas_diagnostics::{Diagnostic, FileId, Severity, Sources};
use nas_driver::World;
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::host::Host;
use nas_eval::pipeline;
use nas_eval::program::{ModuleId, Program};
use nas_grammar::ast::{Expr, PipelineDecl};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Evaluation recurses with the program; pages that are not touched cost nothing.
const STACK: usize = 512 << 20;

/// A program whose names are checked, and what was found so far.
pub struct Front {
    pub path: PathBuf,
    pub program: Arc<Program>,
    /// With the names of files as the user sees them.
    pub sources: Sources,
    pub diags: Vec<Diagnostic>,
    /// The folder of the file in its project, as the beginning of a module's path: `pipelines.`; empty where they are one.
    pub folder: String,
    /// Modules that are checked.
    entries: Vec<ModuleId>,
}

impl Front {
    /// Files of one folder as one program: what they share is read and checked once.
    pub fn together(paths: &[&Path]) -> Front {
        let path = paths.first().copied().unwrap_or(Path::new("."));
        let mut disk = Disk::of(Path::new("."));
        let mut entries: Vec<String> = Vec::new();
        for p in paths {
            let entry;
            (disk, entry) = Disk::around(p);
            entries.push(entry);
        }
        let names: Vec<&str> = entries.iter().map(String::as_str).collect();
        let loaded = nas_driver::load_all(&disk, &names);
        let mut diags = loaded.diagnostics.clone();
        diags.extend(nas_driver::check_names(&loaded));
        let mut sources = Sources::default();
        for (_, f) in loaded.sources.iter() {
            let given = entries.iter().position(|e| **e == *f.name);
            let name = match (f.name.strip_prefix("std/"), given) {
                (Some(_), _) => f.name.to_string(),
                (None, Some(i)) => crate::verbs::shown(paths[i]),
                (None, None) => disk.shown(&f.name),
            };
            sources.add(name, f.text.clone());
        }
        Front {
            path: path.to_path_buf(),
            program: Arc::new(loaded.program),
            sources,
            diags,
            folder: String::new(),
            entries: loaded.entries,
        }
    }

    /// Reads a file with all it imports and checks its names.
    pub fn open(path: &Path) -> Front {
        Front::with(path, "")
    }

    /// The same with lines of our own after the file's; also of a module of the library, `std.spaces.ofa`.
    pub fn with(path: &Path, appended: &str) -> Front {
        if let Some(front) = Front::of_library(path, appended) {
            return front;
        }
        let mut front = Front {
            path: path.to_path_buf(),
            program: Arc::default(),
            sources: Sources::default(),
            diags: Vec::new(),
            folder: String::new(),
            entries: Vec::new(),
        };
        // Here the entry's own faults are told with more than a module's: its neighbours, the byte that is wrong.
        let own = match world::read_source(path) {
            Ok(text) => text.len(),
            Err(d) => {
                front.diags.push(d);
                return front;
            }
        };
        let (disk, entry) = Disk::around(path);
        let world = Appended {
            disk: &disk,
            entry: &entry,
            text: appended,
        };
        let mut loaded = nas_driver::load(&world, &entry);
        front.diags = std::mem::take(&mut loaded.diagnostics);
        loaded.diagnostics = front.diags.clone();
        front.diags.extend(nas_driver::check_names(&loaded));
        if !appended.is_empty() {
            let file = loaded.program.modules.get(loaded.program.entry);
            let file = file.map_or(FileId(u32::MAX), |m| m.file);
            front.diags.retain(|d| {
                d.primary()
                    .is_none_or(|s| s.file != file || (s.start as usize) <= own)
            });
        }
        for (_, f) in loaded.sources.iter() {
            let name = match f.name.strip_prefix("std/") {
                Some(_) => f.name.to_string(),
                None if *f.name == *entry => crate::verbs::shown(path),
                None => disk.shown(&f.name),
            };
            front.sources.add(name, f.text.clone());
        }
        front.entries = vec![loaded.program.entry];
        front.program = Arc::new(loaded.program);
        let inside = entry.rsplit_once('/');
        front.folder = inside.map_or(String::new(), |(f, _)| format!("{}.", f.replace('/', ".")));
        front
    }

    /// A module of the library by its name, where there is no file of that name.
    fn of_library(path: &Path, appended: &str) -> Option<Front> {
        let name = path.to_str()?.replace(['/', '\\'], ".");
        let name = name.strip_suffix(".nas").unwrap_or(&name);
        let name = name.strip_prefix("std.").filter(|_| !path.exists())?;
        let file = format!("{}.nas", name.replace('.', "/"));
        if !nas_stdlib::FILES.iter().any(|(p, _)| *p == file) {
            return None;
        }
        // A file that uses it, and then the module itself as the entry.
        let text = format!("use std.{name} as nasc_asked\n{appended}");
        let mut loaded = nas_driver::load(&Alone(&text), Alone::ENTRY);
        let modules = &loaded.program.modules;
        let entry = modules.iter().position(|m| m.std && &*m.path == name)?;
        loaded.program.entry = entry;
        Some(Front {
            path: Path::new("std").join(file),
            entries: vec![entry],
            program: Arc::new(loaded.program),
            sources: loaded.sources,
            diags: loaded.diagnostics,
            folder: String::new(),
        })
    }

    /// Every module of the standard library.
    pub fn library() -> Front {
        let loaded = nas_driver::load_std();
        let mut diags = loaded.diagnostics.clone();
        diags.extend(nas_driver::check_names(&loaded));
        Front {
            path: PathBuf::from("std"),
            entries: vec![loaded.program.entry],
            program: Arc::new(loaded.program),
            sources: loaded.sources,
            diags,
            folder: String::new(),
        }
    }

    pub fn entry(&self) -> ModuleId {
        self.program.entry
    }

    pub fn failed(&self) -> bool {
        self.diags.iter().any(Diagnostic::is_error)
    }

    pub fn outcome(self) -> Outcome {
        Outcome::found(self.diags, self.sources)
    }

    /// Ends with a code of its own.
    pub fn ended(self, code: u8) -> Outcome {
        Outcome {
            code,
            ..self.outcome()
        }
    }

    /// Adds findings, each once.
    pub fn add(&mut self, found: impl IntoIterator<Item = Diagnostic>) {
        for d in found {
            if !self.diags.contains(&d) {
                self.diags.push(d);
            }
        }
    }

    /// A host that reads data headers and tables and computes nothing.
    pub fn bare(&self, common: &Common) -> Arc<dyn Host> {
        nasc_runtime::Bare::new(world::data_roots(common.data.as_deref(), &self.path))
    }

    /// The same; what takes long says how far it is.
    pub fn telling(
        &self,
        common: &Common,
        events: impl Fn(nas_eval::host::Event) + Send + Sync + 'static,
    ) -> Arc<dyn Host> {
        let roots = world::data_roots(common.data.as_deref(), &self.path);
        nasc_runtime::Bare::telling(roots, events)
    }

    /// The same for plans: a data set whose format fixes its sizes need not be here.
    pub fn planner(&self, common: &Common) -> Arc<dyn Host> {
        nasc_runtime::Bare::planning(world::data_roots(common.data.as_deref(), &self.path))
    }

    /// Checks the spaces, pipelines and tests of what was asked for; data that is not here stays a question for the run.
    pub fn check(&mut self, host: &Arc<dyn Host>) {
        let (program, entries) = (self.program.clone(), &self.entries);
        let before = &self.diags;
        let found = deep(|| pipeline::check_modules(&program, host, entries, before));
        self.add(found.into_iter().map(lenient));
    }

    /// The pipeline named, or the only one.
    pub fn pipeline(&self, name: Option<&str>) -> Result<Arc<PipelineDecl>, Diagnostic> {
        pipeline::find(&self.program, self.entry(), name)
    }

    /// A context of evaluation at the entry.
    pub fn ctx(&self, host: &Arc<dyn Host>, purpose: Purpose, common: &Common) -> Ctx {
        let seed = common.seed.unwrap_or(0);
        Ctx::new(self.program.clone(), host.clone(), purpose, seed)
    }

    /// The text of a place, its line breaks and indents made single spaces.
    pub fn text(&self, span: nas_diagnostics::Span) -> String {
        let words: Vec<&str> = self.sources.text(span).split_whitespace().collect();
        words.join(" ")
    }
}

/// Before a run, data may be elsewhere: that is told, and everything else is still checked.
pub fn lenient(mut d: Diagnostic) -> Diagnostic {
    if d.code == "E0701" && d.is_error() {
        d.severity = Severity::Warning;
    }
    d
}

/// The values of `--set`, parsed. Errors are E0802, for exit code 2.
pub fn parse_settings(given: &[Setting]) -> Result<Vec<(String, Expr)>, Vec<Diagnostic>> {
    let mut out: Vec<(String, Expr)> = Vec::new();
    let mut errors = Vec::new();
    for Setting { name, value } in given {
        let (e, found) = nas_grammar::parse_expr(FileId(u32::MAX), value);
        if let Some(d) = found.iter().find(|d| d.is_error()) {
            let whole = format!("`--set {name}={value}`: {}", d.message);
            errors.push(
                Diagnostic::error("E0802", whole)
                    .help("a value is written as in a program: 30, 0.1, \"text\", [1, 2]"),
            );
        }
        out.retain(|(n, _)| n != name);
        out.push((name.clone(), e));
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}

/// What a verb ends with where a flag's value is wrong.
pub fn usage(mut front: Front, errors: Vec<Diagnostic>) -> Outcome {
    front.diags.clear();
    front.add(errors);
    let mut outcome = front.ended(exit::USAGE);
    outcome.looked = false;
    outcome
}

/// Works on a thread with a large stack; a defect there is a defect here.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let slot = std::sync::Mutex::new(Some(work));
    let take = || slot.lock().ok().and_then(|mut w| w.take());
    let ran = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let handle = thread.spawn_scoped(scope, || take().map(|work| work()));
        match handle.map(|h| h.join()) {
            Ok(Ok(value)) => value,
            Ok(Err(defect)) => std::panic::resume_unwind(defect),
            // Without memory for a large stack, this one has to do.
            Err(_) => take().map(|work| work()),
        }
    });
    match ran {
        Some(value) => value,
        // Never: the work is taken once, by the thread or, where none could be started, here.
        None => unreachable!("the work was taken and not done"),
    }
}

/// A project of one file that is nowhere.
struct Alone<'a>(&'a str);

impl Alone<'_> {
    const ENTRY: &'static str = "asked.nas";
}

impl World for Alone<'_> {
    fn read(&self, path: &str) -> Result<String, nas_driver::ReadFault> {
        match path == Self::ENTRY {
            true => Ok(self.0.to_string()),
            false => Err(nas_driver::ReadFault::Missing),
        }
    }

    fn list(&self, _: &str) -> Vec<String> {
        vec![Self::ENTRY.to_string()]
    }
}

/// The project with lines added to its entry.
struct Appended<'a> {
    disk: &'a Disk,
    entry: &'a str,
    text: &'a str,
}

impl World for Appended<'_> {
    fn read(&self, path: &str) -> Result<String, nas_driver::ReadFault> {
        let text = self.disk.read(path)?;
        Ok(match path == self.entry && !self.text.is_empty() {
            true => format!("{text}\n{}", self.text),
            false => text,
        })
    }

    fn list(&self, folder: &str) -> Vec<String> {
        self.disk.list(folder)
    }
}
