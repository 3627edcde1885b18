//! Progress of a run on stderr: a moving bar on a terminal, lines elsewhere, of stages that may run at the same time.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where no terminal reads, a stage that goes on says so this often.
const SAY: Duration = Duration::from_secs(10);

/// One line of the terminal, shared by the stages that run.
pub struct Progress {
    /// None when nobody is to be told.
    bar: Option<ProgressBar>,
    terminal: bool,
    stages: HashMap<String, Stage>,
    /// The stage that the bar shows, and whether its length is known.
    shown: Option<(String, bool)>,
    said: Instant,
}

struct Stage {
    began: Instant,
    /// The step of the first news, and when it came: a run that goes on starts in the middle.
    first: Option<(u64, Instant)>,
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
            stages: HashMap::new(),
            shown: None,
            said: Instant::now(),
        }
    }

    /// A stage begins; `steps` is how many turns it takes, where that is known.
    pub fn begin(&mut self, stage: &str, steps: Option<u64>) {
        if self.bar.is_none() {
            return;
        }
        let state = Stage {
            began: Instant::now(),
            first: None,
        };
        self.stages.insert(stage.to_string(), state);
        if self.terminal {
            self.show(stage, steps.unwrap_or(0));
        } else {
            self.line(&format!("{stage:32} begins"));
        }
    }

    /// The bar turns to a stage.
    fn show(&mut self, stage: &str, steps: u64) {
        let Some(bar) = &self.bar else { return };
        let now = Some((stage.to_string(), steps > 0));
        if self.shown != now {
            self.shown = now;
            let form = match steps {
                0 => "{prefix} {spinner} {elapsed} {msg}",
                _ => "{prefix} {bar:24} {pos}/{len} {msg}",
            };
            let style = ProgressStyle::with_template(form);
            bar.reset();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(stage.to_string());
            bar.set_message("");
        }
        bar.set_length(steps);
    }

    /// A stage has done `step` of `steps` turns; `note` is its newest number, such as a loss.
    pub fn step(&mut self, stage: &str, step: u64, steps: u64, note: &str) {
        if self.bar.is_none() {
            return;
        }
        let state = self.stages.entry(stage.to_string()).or_insert(Stage {
            began: Instant::now(),
            first: None,
        });
        let pace = pace(state, step, steps);
        let text = match note {
            "" => pace,
            note => format!("{pace}  {note}"),
        };
        if self.terminal {
            // The bar belongs to one stage at a time; another takes it over when that one ends.
            let taken =
                |(shown, _): &(String, bool)| shown != stage && self.stages.contains_key(shown);
            if self.shown.as_ref().is_some_and(taken) {
                return;
            }
            self.show(stage, steps);
            if let Some(bar) = &self.bar {
                bar.set_position(step);
                bar.set_message(text);
            }
        } else if self.said.elapsed() >= SAY {
            self.said = Instant::now();
            self.line(&format!("{stage:32} {step}/{steps}  {text}"));
        }
    }

    /// A stage is done, or its result was found in the store.
    pub fn end(&mut self, stage: &str, cached: bool) {
        let state = self.stages.remove(stage);
        if self.shown.as_ref().is_some_and(|(shown, _)| shown == stage) {
            self.shown = None;
        }
        let how = match state {
            _ if cached => "found in the store".to_string(),
            Some(state) => time(state.began.elapsed()),
            None => "done".to_string(),
        };
        self.line(&format!("{stage:32} {how}"));
    }

    /// A line of its own, above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            None => {}
            Some(bar) if self.terminal => bar.println(line),
            Some(_) => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Rate and time left.
fn pace(state: &mut Stage, step: u64, steps: u64) -> String {
    let (first, at) = *state.first.get_or_insert_with(|| (step, Instant::now()));
    let (done, took) = (step.saturating_sub(first), at.elapsed());
    if done == 0 || took.is_zero() {
        return String::new();
    }
    let rate = done as f64 / took.as_secs_f64();
    let left = steps.saturating_sub(step) as f64 / rate;
    // Longer than a year is no estimate.
    let left = Duration::from_secs_f64(left.min(3e7));
    format!("{rate:.1}/s  {} left", time(left))
}

/// A duration as people read it.
pub fn time(t: Duration) -> String {
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
        p.step("stage", 1, 3, "loss 0.5");
        p.end("stage", false);
        p.clear();
    }

    #[test]
    fn the_time_left_follows_from_the_steps_done_here() {
        let mut state = Stage {
            began: Instant::now(),
            first: Some((500, Instant::now())),
        };
        std::thread::sleep(Duration::from_millis(20));
        let text = pace(&mut state, 600, 600);
        assert!(text.ends_with("0.0 s left"), "{text}");
    }
}
