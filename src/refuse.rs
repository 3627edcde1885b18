//! A command line that cannot be followed, as a finding of our own form; also help and version, which clap reports likewise.

use crate::args::{Color, Command, Common, MessageFormat};
use crate::exit;
use crate::show::Show;
use crate::verbs::Outcome;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, ValueEnum};
use nas_diagnostics::{Diagnostic, did_you_mean};
use std::ffi::OsString;

/// The flags that say how to report, as far as they can be read from a command line that is wrong elsewhere.
pub fn guess(argv: &[OsString]) -> Common {
    let words: Vec<String> = argv
        .iter()
        .skip(1)
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let value = |flag: &str| {
        let with = format!("{flag}=");
        words
            .iter()
            .enumerate()
            .take_while(|(_, w)| *w != "--")
            .find_map(|(i, w)| {
                if w == flag {
                    words.get(i + 1).cloned()
                } else {
                    w.strip_prefix(&with).map(String::from)
                }
            })
    };
    Common {
        message_format: value("--message-format")
            .and_then(|v| MessageFormat::from_str(&v, false).ok())
            .unwrap_or_default(),
        color: value("--color")
            .and_then(|v| Color::from_str(&v, false).ok())
            .unwrap_or_default(),
        quiet: words.iter().any(|w| w == "--quiet" || w == "-q"),
        ..Common::default()
    }
}

/// Shows help or the version, or makes a finding of the fault.
pub fn outcome(error: Box<clap::Error>, argv: &[OsString], show: &mut Show) -> Outcome {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let text = if show.color() {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            show.text(&text);
            Outcome::ok()
        }
        _ => Outcome::failed(exit::USAGE, vec![finding(&error, argv)]),
    }
}

fn finding(error: &clap::Error, argv: &[OsString]) -> Diagnostic {
    let get = |kind| match error.get(kind) {
        Some(ContextValue::String(s)) => s.clone(),
        Some(ContextValue::Strings(s)) => s.join(", "),
        _ => String::new(),
    };
    // clap adds the form of the value: `--seed <N>`.
    let arg = flag(&get(ContextKind::InvalidArg));
    let value = get(ContextKind::InvalidValue);
    let (code, message) = match error.kind() {
        ErrorKind::UnknownArgument if arg.starts_with('-') => {
            ("E0801", format!("there is no flag `{arg}` here"))
        }
        ErrorKind::UnknownArgument => ("E0802", format!("`{arg}` is one argument too many")),
        ErrorKind::InvalidSubcommand => (
            "E0801",
            format!(
                "there is no command `{}`",
                get(ContextKind::InvalidSubcommand)
            ),
        ),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("E0801", "a command is missing".to_string())
        }
        ErrorKind::InvalidValue if value.is_empty() => ("E0802", format!("`{arg}` needs a value")),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            ("E0802", format!("`{value}` is no value of `{arg}`"))
        }
        ErrorKind::MissingRequiredArgument => (
            "E0802",
            format!("{} is missing", get(ContextKind::InvalidArg)),
        ),
        ErrorKind::ArgumentConflict => {
            let other = flag(&get(ContextKind::PriorArg));
            ("E0802", format!("`{arg}` cannot be given with `{other}`"))
        }
        ErrorKind::InvalidUtf8 => ("E0802", "an argument is not UTF-8".to_string()),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::NoEquals => {
            ("E0802", format!("`{arg}` takes another number of values"))
        }
        _ => ("E0802", "the command line cannot be read".to_string()),
    };
    let found = Diagnostic::error(code, message);
    match help(error, &arg, &value, argv) {
        Some(help) => found.help(help),
        None => found,
    }
}

fn help(error: &clap::Error, arg: &str, value: &str, argv: &[OsString]) -> Option<String> {
    use std::error::Error;
    let strings = |kind| match error.get(kind) {
        Some(ContextValue::Strings(s)) => s.clone(),
        Some(ContextValue::String(s)) => vec![s.clone()],
        _ => vec![],
    };
    let verbs = || {
        let command = Command::command();
        let shown = command.get_subcommands().filter(|c| !c.is_hide_set());
        shown.map(|c| c.get_name().to_string()).collect::<Vec<_>>()
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = strings(ContextKind::InvalidSubcommand).concat();
            Some(match did_you_mean(&word, verbs()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", verbs().join(", ")),
            })
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Some(
            format!("one of {}; `nasc --help` says more", verbs().join(", ")),
        ),
        ErrorKind::UnknownArgument => match strings(ContextKind::SuggestedArg).pop() {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => Some(match verb_of(argv) {
                Some(verb) => format!("`nasc {verb} --help` lists the flags"),
                None => "`nasc --help` lists the flags".to_string(),
            }),
        },
        ErrorKind::InvalidValue => {
            let values = strings(ContextKind::ValidValue);
            match did_you_mean(value, &values) {
                Some(near) => Some(format!(
                    "did you mean `{near}`? One of {}",
                    values.join(", ")
                )),
                None if values.is_empty() => None,
                None => Some(format!("one of {}", values.join(", "))),
            }
        }
        ErrorKind::ValueValidation if matches!(arg, "--threads" | "--jobs") => {
            Some("a whole number, at least 1".to_string())
        }
        ErrorKind::ValueValidation if matches!(arg, "--seed" | "--sample") => {
            Some("a whole number, at least 0".to_string())
        }
        // Our own readers say the form.
        ErrorKind::ValueValidation => error.source().map(|e| e.to_string()),
        ErrorKind::MissingRequiredArgument => {
            verb_of(argv).map(|verb| format!("`nasc {verb} --help` shows the form"))
        }
        ErrorKind::ArgumentConflict => Some("leave out one of the two".to_string()),
        _ => None,
    }
}

/// A flag without the form of its value.
fn flag(text: &str) -> String {
    match text.split_once(' ') {
        Some((flag, _)) if flag.starts_with('-') => flag.to_string(),
        _ => text.to_string(),
    }
}

/// The verb of a command line, when it names one.
fn verb_of(argv: &[OsString]) -> Option<String> {
    let command = Command::command();
    argv.iter()
        .skip(1)
        .filter_map(|a| a.to_str())
        .find(|a| command.find_subcommand(a).is_some())
        .map(String::from)
}
