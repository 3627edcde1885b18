//! The `nasc` command: reads the command line, hands it to a verb, shows what it found and gives the exit code.

mod args;
mod front;
mod interrupt;
mod refuse;
mod show;
#[cfg(test)]
mod tests;
mod verbs;
mod world;

use show::{Look, Show};
use std::ffi::OsString;
use std::process::ExitCode;

/// Tensors on borders of cache lines.
#[global_allocator]
static ALLOCATOR: nasc_runtime::Aligned = nasc_runtime::Aligned;

/// What the command's exit codes mean; other programs rely on them.
pub mod exit {
    pub const OK: u8 = 0;
    /// An error in the source, or a difference that was asked for.
    pub const SOURCE: u8 = 1;
    /// A bad flag or value.
    pub const USAGE: u8 = 2;
    /// A fault while running: data, device, disk.
    pub const FAULT: u8 = 3;
    /// An `expect` did not hold.
    pub const EXPECT: u8 = 4;
    /// A defect of nasc itself.
    pub const DEFECT: u8 = 101;
    /// Stopped by a signal; running again continues. SIGTERM gives 143 in its place.
    pub const INTERRUPTED: u8 = 130;
}

/// Deep but legal programs recurse; pages that are not touched cost nothing.
const STACK: usize = 512 << 20;

fn main() -> ExitCode {
    show::report_defects();
    let argv: Vec<OsString> = std::env::args_os().collect();
    let work = std::thread::Builder::new()
        .name("nasc".into())
        .stack_size(STACK);
    let code = match work.spawn(move || command(&argv)) {
        Ok(thread) => thread.join().unwrap_or(exit::DEFECT),
        Err(_) => command(&std::env::args_os().collect::<Vec<_>>()),
    };
    ExitCode::from(code)
}

/// One command line from beginning to end.
fn command(argv: &[OsString]) -> u8 {
    command_to(argv, Show::standard)
}

/// The same with outputs of the caller's.
fn command_to(argv: &[OsString], show: impl FnOnce(Look, bool) -> Show) -> u8 {
    let parsed = args::parse(argv);
    let common = parsed
        .as_ref()
        .map(|c| c.common.clone())
        .unwrap_or_else(|_| refuse::guess(argv));
    let mut show = show(Look::of(&common), common.quiet);
    let outcome = match parsed {
        Ok(command) => verbs::run(&command, &mut show),
        Err(refusal) => refuse::outcome(refusal, argv, &mut show),
    };
    show.finish(outcome)
}
