//! The only place that prints: text on stdout, findings and progress where their form belongs.

pub mod progress;

use crate::args::{Color, Common};
use crate::exit;
use crate::verbs::Outcome;
use nas_diagnostics::{Diagnostic, Format, Severity, Sources, Style, render, tidy};
use std::io::{ErrorKind, IsTerminal, Write};

/// How to print, decided once.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub format: Format,
    /// Colours on stderr, where people read findings.
    pub findings: Style,
    /// Colours on stdout.
    pub color: bool,
}

impl Look {
    pub fn of(common: &Common) -> Look {
        let (err, out) = (
            std::io::stderr().is_terminal(),
            std::io::stdout().is_terminal(),
        );
        let env = |name: &str| std::env::var_os(name).and_then(|v| v.into_string().ok());
        let (no_color, term) = (env("NO_COLOR"), env("TERM"));
        let decide = |tty| color(common.color, no_color.as_deref(), term.as_deref(), tty);
        let width = env("COLUMNS").and_then(|c| c.parse().ok()).unwrap_or(100);
        Look {
            format: common.message_format.format(),
            findings: Style {
                color: decide(err),
                width,
            },
            color: decide(out),
        }
    }
}

/// The flag decides; then `NO_COLOR` (set and not empty), then whether a capable terminal reads.
fn color(flag: Color, no_color: Option<&str>, term: Option<&str>, terminal: bool) -> bool {
    match flag {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && no_color.is_none_or(str::is_empty) && term != Some("dumb"),
    }
}

/// The two outputs of a command.
pub struct Show {
    look: Look,
    quiet: bool,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// The first fault of stdout, other than a reader that went away.
    broken: Option<std::io::Error>,
    /// A reader that went away is no fault, and nothing more is written to it.
    closed: bool,
}

impl Show {
    /// Writes to the process's own stdout and stderr.
    pub fn standard(look: Look, quiet: bool) -> Show {
        Show::to(
            look,
            quiet,
            Box::new(std::io::stdout()),
            Box::new(std::io::stderr()),
        )
    }

    pub fn to(look: Look, quiet: bool, out: Box<dyn Write>, err: Box<dyn Write>) -> Show {
        Show {
            look,
            quiet,
            out,
            err,
            broken: None,
            closed: false,
        }
    }

    pub fn color(&self) -> bool {
        self.look.color
    }

    /// Prints a result on stdout, as it is.
    pub fn text(&mut self, text: &str) {
        if self.closed || self.broken.is_some() {
            return;
        }
        match self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush())
        {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::BrokenPipe => self.closed = true,
            Err(e) => self.broken = Some(e),
        }
    }

    /// Prints a difference on stdout, added and removed lines in colour.
    pub fn diff(&mut self, diff: &str) {
        if !self.look.color {
            return self.text(diff);
        }
        let paint = |line: &str| {
            let (body, end) = line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n"));
            match line.as_bytes().first() {
                Some(b'+') => format!("\u{1b}[32m{body}\u{1b}[0m{end}"),
                Some(b'-') => format!("\u{1b}[31m{body}\u{1b}[0m{end}"),
                Some(b'@') => format!("\u{1b}[36m{body}\u{1b}[0m{end}"),
                _ => line.to_string(),
            }
        };
        let text: String = diff.split_inclusive('\n').map(paint).collect();
        self.text(&text);
    }

    /// A line on stderr for people, left out with `--quiet` and in the formats for programs.
    pub fn say(&mut self, line: &str) {
        if !self.quiet && matches!(self.look.format, Format::Human | Format::Short) {
            let _ = writeln!(self.err, "{line}");
        }
    }

    /// Progress of a run on stderr; silent with `--quiet` and in the formats for programs.
    pub fn progress(&self) -> progress::Progress {
        let people = matches!(self.look.format, Format::Human | Format::Short);
        progress::Progress::new(people && !self.quiet)
    }

    /// Prints findings: for people on stderr, for programs on stdout.
    fn findings(&mut self, diags: &[Diagnostic], sources: &Sources) {
        let text = render(self.look.format, diags, sources, self.look.findings);
        match self.look.format {
            Format::Human | Format::Short => {
                let _ = self.err.write_all(text.as_bytes());
            }
            Format::Json | Format::Github | Format::Sarif => self.text(&text),
        }
    }

    /// Prints a command's findings and a closing line, and gives the exit code.
    pub fn finish(&mut self, outcome: Outcome) -> u8 {
        let diags = tidy(outcome.diags);
        // A result in SARIF is a document even when it is empty, but only verbs that look for findings give one.
        if !diags.is_empty() || (outcome.looked && self.look.format == Format::Sarif) {
            self.findings(&diags, &outcome.sources);
        }
        let count = |s| diags.iter().filter(|d| d.severity == s).count();
        if let Some(line) = tally(count(Severity::Error), count(Severity::Warning))
            && outcome.looked
            && self.look.format == Format::Human
        {
            self.say(&line);
        }
        match self.broken.take() {
            None => outcome.code,
            Some(e) => {
                let d = Diagnostic::error("E0706", format!("stdout cannot be written: {e}"));
                let style = self.look.findings;
                let text = render(Format::Human, &[d], &Sources::default(), style);
                let _ = self.err.write_all(text.as_bytes());
                exit::FAULT
            }
        }
    }
}

fn tally(errors: usize, warnings: usize) -> Option<String> {
    let count = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts: Vec<String> = [count(errors, "error"), count(warnings, "warning")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// From here on a defect of nasc itself says what to report, in place of Rust's own words.
pub fn report_defects() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload();
        let what = what
            .downcast_ref::<&str>()
            .map(|s| s.to_string())
            .or_else(|| what.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = info
            .location()
            .map(|l| format!("{}:{}", l.file(), l.line()))
            .unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "{}", defect(&what, &place));
    }));
}

fn defect(what: &str, place: &str) -> String {
    format!(
        "internal error, please report: nasc {} on {} {}\n  at   {place}\n  said {what}\n\
         Please add the file that was compiled and the command line. Finished stages of a run are kept.",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_flag_then_environment_then_terminal() {
        assert!(color(Color::Always, Some("1"), Some("dumb"), false));
        assert!(!color(Color::Never, None, None, true));
        assert!(color(Color::Auto, None, Some("xterm"), true));
        assert!(color(Color::Auto, Some(""), None, true));
        assert!(!color(Color::Auto, Some("1"), None, true));
        assert!(!color(Color::Auto, None, Some("dumb"), true));
        assert!(!color(Color::Auto, None, None, false));
    }

    #[test]
    fn the_closing_line_counts() {
        assert_eq!(tally(0, 0), None);
        assert_eq!(tally(1, 0).as_deref(), Some("1 error"));
        assert_eq!(tally(2, 1).as_deref(), Some("2 errors, 1 warning"));
    }

    #[test]
    fn a_defect_says_what_to_report() {
        let text = defect("index out of bounds", "src/x.rs:7");
        assert!(
            text.starts_with("internal error, please report: nasc "),
            "{text}"
        );
        assert!(
            text.contains("src/x.rs:7") && text.contains("index out of bounds"),
            "{text}"
        );
    }

    struct Broken(ErrorKind);
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_fault_and_a_full_disk_is() {
        for (kind, code) in [
            (ErrorKind::BrokenPipe, exit::OK),
            (ErrorKind::StorageFull, exit::FAULT),
        ] {
            let look = Look {
                format: Format::Human,
                findings: Style::default(),
                color: false,
            };
            let mut show = Show::to(
                look,
                false,
                Box::new(Broken(kind)),
                Box::new(std::io::sink()),
            );
            show.text("text");
            assert_eq!(show.finish(Outcome::ok()), code);
        }
    }
}
