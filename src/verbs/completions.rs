//! `nasc completions`: what a shell needs to complete verbs and flags.

use super::Outcome;
use crate::args::{Command, Completions};
use crate::show::Show;
use clap::CommandFactory;

pub fn run(args: &Completions, show: &mut Show) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Command::command(), "nasc", &mut text);
    show.text(&String::from_utf8_lossy(&text));
    Outcome::ok()
}
