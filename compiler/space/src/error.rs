//! The error of a question that is too large to answer exactly.

use std::fmt;
use std::sync::Arc;

use crate::model::{Model, SiteId};

/// The space does not decompose within the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooHard {
    /// Addresses of the choices involved.
    pub sites: Vec<Arc<str>>,
    /// What grew too large.
    pub reason: String,
}

impl TooHard {
    pub(crate) fn new(model: &Model, sites: &[SiteId], reason: impl Into<String>) -> Self {
        Self {
            sites: sites
                .iter()
                .map(|&s| model.sites[s].address.clone())
                .collect(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for TooHard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self
            .sites
            .iter()
            .take(8)
            .map(|s| format!("`{s}`"))
            .collect();
        let more = self.sites.len().saturating_sub(8);
        write!(f, "{} ({}", self.reason, shown.join(", "))?;
        if more > 0 {
            write!(f, " and {more} more")?;
        }
        f.write_str(")")
    }
}
impl std::error::Error for TooHard {}
