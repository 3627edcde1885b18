//! Progress of a run on stderr: a moving bar on a terminal, a line a stage elsewhere.
#![allow(dead_code)] // until a run reports its events

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// One line of the terminal, used by one stage after the other.
pub struct Progress {
    /// None when nobody is to be told.
    bar: Option<ProgressBar>,
    terminal: bool,
    began: Instant,
    stage: String,
}

impl Progress {
    pub(super) fn new(told: bool) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = told.then(|| ProgressBar::with_draw_target(None, target));
        Progress {
            bar,
            terminal,
            began: Instant::now(),
            stage: String::new(),
        }
    }

    /// A stage begins; `steps` is how many turns it takes, where that is known.
    pub fn begin(&mut self, stage: &str, steps: Option<u64>) {
        let Some(bar) = &self.bar else { return };
        self.stage = stage.to_string();
        self.began = Instant::now();
        let form = match steps {
            Some(_) => "{prefix} {bar:24} {pos}/{len} {per_sec} {eta} left {msg}",
            None => "{prefix} {spinner} {elapsed} {msg}",
        };
        bar.reset();
        bar.set_style(
            ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.set_length(steps.unwrap_or(0));
        bar.set_prefix(self.stage.clone());
        bar.set_message("");
    }

    /// The stage has done `step` turns; `note` is its newest number, such as a loss.
    pub fn step(&self, step: u64, note: &str) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(step);
        bar.set_message(note.to_string());
    }

    /// The stage is done, or its result was found in the store.
    pub fn end(&self, cached: bool) {
        let Some(bar) = &self.bar else { return };
        let how = if cached {
            "found in the store".to_string()
        } else {
            time(self.began.elapsed())
        };
        self.line(bar, &format!("{:32} {how}", self.stage));
    }

    /// A line of its own, above the bar.
    pub fn note(&self, line: &str) {
        if let Some(bar) = &self.bar {
            self.line(bar, line);
        }
    }

    fn line(&self, bar: &ProgressBar, line: &str) {
        use std::io::Write;
        if self.terminal {
            bar.println(line);
        } else {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn time(t: Duration) -> String {
    match t.as_secs() {
        0..=59 => format!("{:.1} s", t.as_secs_f64()),
        s @ 60..=3599 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(time(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(time(Duration::from_secs(75)), "1 min 15 s");
        assert_eq!(time(Duration::from_secs(7300)), "2 h 1 min");
    }

    #[test]
    fn a_quiet_run_says_nothing() {
        let mut p = Progress::new(false);
        p.begin("stage", Some(3));
        p.step(1, "loss 0.5");
        p.end(false);
        p.clear();
    }
}
