//! A value worked out once and let go of at the end: an elaborated space holds itself, and would outlive all who ask for it.

use super::Base;
use crate::ctx::Shared;
use std::sync::{Arc, RwLock, Weak};

/// Like `OnceLock`, but for `release`.
#[derive(Debug)]
pub struct Held<T>(RwLock<Option<T>>);

impl<T> Default for Held<T> {
    fn default() -> Held<T> {
        Held(RwLock::new(None))
    }
}

impl<T: Clone> Held<T> {
    pub fn get(&self) -> Option<T> {
        self.0.read().ok().and_then(|v| v.clone())
    }

    /// The value that was first.
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> T {
        match self.0.write() {
            Ok(mut held) => held.get_or_insert_with(f).clone(),
            Err(_) => f(),
        }
    }

    fn release(&self) {
        if let Ok(mut held) = self.0.write() {
            let gone = held.take();
            // What it held may look here as it goes.
            drop(held);
            drop(gone);
        }
    }
}

impl Shared {
    /// Enters a space that was made.
    pub(super) fn made(&self, base: &Arc<Base>) {
        if let Ok(mut all) = self.bases.lock() {
            all.push(Arc::downgrade(base));
        }
    }

    /// Lets go of what spaces know of themselves. Nothing may be asked of them afterwards.
    pub fn release(&self) {
        let all: Vec<Weak<Base>> = match self.bases.lock() {
            Ok(mut all) => std::mem::take(&mut all),
            Err(_) => return,
        };
        for base in all.iter().filter_map(Weak::upgrade) {
            base.elaborated.release();
            let outputs = base.outputs.lock().map(|mut o| std::mem::take(&mut *o));
            drop(outputs);
        }
    }
}
