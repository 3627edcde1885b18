//! Signals: the first asks the run to stop at its next safe point, the second ends the process at once.

use crate::exit;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether a stop was asked for, and by what.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Starts listening for SIGINT and SIGTERM.
    pub fn listen() -> std::io::Result<Interrupt> {
        let it = Interrupt::default();
        for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
            // In this order: the handler that ends the process sees the flag of an earlier signal only.
            flag::register_conditional_shutdown(signal, code, it.asked.clone())?;
            flag::register_usize(signal, it.signal.clone(), code as usize)?;
            flag::register(signal, it.asked.clone())?;
        }
        Ok(it)
    }

    /// The flag that a run looks at between steps.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.asked.clone()
    }

    /// The exit code of the signal that came; 130 when none did.
    pub fn code(&self) -> u8 {
        match self.signal.load(Ordering::Relaxed) {
            143 => 143,
            _ => exit::INTERRUPTED,
        }
    }
}
