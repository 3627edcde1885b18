//! The command line: verbs, their arguments, and the flags that all of them share.

use clap::{Args, Parser, Subcommand, ValueEnum};
use nas_diagnostics::Format;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

/// Compiler and runner of Nas, a language for neural-architecture-search pipelines.
#[derive(Debug, Clone, Parser)]
#[command(name = "nasc", version, propagate_version = true, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    pub verb: Verb,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Check, plan and execute a pipeline
    Run(Entry),
    /// Show every error and warning
    Check(Check),
    /// Run the `test` blocks of files, or of `std`
    Test(Test),
    /// Print the page that people review before a run
    Plan(Plan),
    /// Compare the plan with the committed one
    Review(Review),
    /// Size, sites and costs of a space, or one of its members
    Space(SpaceQuery),
    /// Write files in the one style
    Fmt(Fmt),
    /// Show what a stage's cache key is made of, and what changed
    Why(Why),
    /// Explain an error's code
    Explain(Explain),
    /// Documentation of the standard library or of a file
    Doc(Doc),
    /// Write out a trained or chosen network
    Export(Export),
    /// Start a project in a new folder
    New(New),
    /// Print completions for a shell
    Completions(Completions),
    /// Language server
    #[command(hide = true)]
    Lsp,
}

/// Flags that every verb takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Common flags")]
pub struct Common {
    /// Set a parameter of the pipeline; may be repeated
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub set: Vec<Setting>,
    /// Seed that all draws are keyed by
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Where to compute: auto, cpu, cuda or cuda:I
    #[arg(long, global = true, value_name = "DEVICE", default_value = "auto")]
    pub device: Device,
    /// Threads of one computation; the results do not depend on it
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// Stages that run at the same time; the results do not depend on it
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    pub jobs: Option<NonZeroUsize>,
    /// Folder that relative data paths are looked up in first
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the run folders
    #[arg(long, global = true, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// Form of errors and warnings
    #[arg(long, global = true, value_name = "FORMAT", default_value = "human")]
    pub message_format: MessageFormat,
    /// Print errors and results only
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Colours and boxes in the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum MessageFormat {
    #[default]
    Human,
    Short,
    Json,
    Github,
    Sarif,
}

impl MessageFormat {
    pub fn format(self) -> Format {
        match self {
            MessageFormat::Human => Format::Human,
            MessageFormat::Short => Format::Short,
            MessageFormat::Json => Format::Json,
            MessageFormat::Github => Format::Github,
            MessageFormat::Sarif => Format::Sarif,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// `cuda` alone is the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    #[default]
    Auto,
    Cpu,
    Cuda(usize),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|i| i.parse().ok())
                .map(Device::Cuda)
                .ok_or_else(|| "one of auto, cpu, cuda, cuda:0, cuda:1 …".to_string()),
        }
    }
}

/// `--set name=value`: the value is read, typed and checked against the pipeline's parameters later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "written NAME=VALUE, for example epochs=30".to_string();
        let (name, value) = text.split_once('=').ok_or_else(form)?;
        let name = name.trim();
        if !is_name(name) || value.trim().is_empty() {
            return Err(form());
        }
        Ok(Setting {
            name: name.to_string(),
            value: value.trim().to_string(),
        })
    }
}

/// `FILE` or `FILE:PIPELINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub file: PathBuf,
    pub pipeline: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // One letter before a colon is a drive.
        match text.rsplit_once(':') {
            Some((file, name)) if file.len() > 1 && is_name(name) => Ok(Target {
                file: file.into(),
                pipeline: Some(name.to_string()),
            }),
            _ if text.is_empty() => Err("the name of a file".to_string()),
            _ => Ok(Target {
                file: text.into(),
                pipeline: None,
            }),
        }
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
}

#[derive(Debug, Clone, Args)]
pub struct Entry {
    /// File, and which of its pipelines when it has several
    #[arg(value_name = "FILE[:PIPELINE]")]
    pub target: Target,
}

#[derive(Debug, Clone, Args)]
pub struct Files {
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Test {
    #[command(flatten)]
    pub files: Files,
    /// Only tests whose module and name contain this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Check {
    #[command(flatten)]
    pub files: Files,
    /// Print what a stage of the compiler made
    #[arg(long, value_name = "STAGE")]
    pub emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    Ast,
    Ir,
    Network,
    Plan,
    Cost,
}

#[derive(Debug, Clone, Args)]
pub struct Plan {
    #[command(flatten)]
    pub entry: Entry,
    /// Print it for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Review {
    #[command(flatten)]
    pub files: Files,
    /// Write the plan in place of the committed one
    #[arg(long, conflicts_with = "against")]
    pub accept: bool,
    /// Compare with the plan of a git revision
    #[arg(long, value_name = "REV")]
    pub against: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct SpaceQuery {
    pub file: PathBuf,
    /// Name of the space
    pub name: String,
    /// Only members that keep this constraint, such as 'macs.core <= 600M'
    #[arg(long = "where", value_name = "CONSTRAINT")]
    pub condition: Option<String>,
    /// Count members up to these equivalences, such as 'fold_skip, propagate_zero'
    #[arg(long, value_name = "RULES")]
    pub modulo: Option<String>,
    /// Print this many members
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub sample: Option<usize>,
    /// One member: its shapes layer by layer, parameters and MACs
    #[arg(long, value_name = "TEXT", conflicts_with = "sample")]
    pub arch: Option<String>,
    /// Print it for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Fmt {
    #[command(flatten)]
    pub files: Files,
    /// Change nothing; print the difference and exit with 1 when there is one
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Why {
    pub file: PathBuf,
    /// Path of the stage, such as `arms.group[66]`
    pub stage: String,
}

#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// Such as E0401; without it all codes are listed
    pub code: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Doc {
    /// A module or declaration of `std`, or a file; without it the modules are listed
    pub name: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Export {
    /// Run folder
    pub run: PathBuf,
    /// Name of the result in the run
    pub name: String,
    #[arg(long, value_name = "FORMAT")]
    pub format: ExportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Safetensors,
    Onnx,
    Json,
}

#[derive(Debug, Clone, Args)]
pub struct New {
    /// Folder to make; it must not exist, or be empty
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

/// Reads a command line, the program's own name first.
pub fn parse(argv: &[OsString]) -> Result<Command, Box<clap::Error>> {
    Command::try_parse_from(argv).map_err(Box::new)
}
