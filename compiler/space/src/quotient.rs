//! A space up to an equivalence: members grouped by a canonical key, the first of each class standing for it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Arch, Model};
use crate::space::Space;

/// Why classes could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotientError<E> {
    /// There are more members than may be gone through.
    TooMany { limit: u64 },
    /// The space has a choice with more options than a code holds.
    Wide,
    /// The key of a member failed.
    Caller(E),
}

/// The classes of the feasible members, in the order in which they were met.
pub struct Quotient {
    model: Arc<Model>,
    /// Codes of representatives, one after the other.
    codes: Vec<u16>,
    sizes: Vec<u64>,
    by_key: HashMap<Box<[u8]>, u32>,
}

impl Quotient {
    /// Goes through the feasible members in lexicographic order and groups them by key; a member without a key belongs
    /// to no class. `told` hears how many were gone through, every 65,536.
    pub fn by_key<E>(
        space: &Space,
        limit: u64,
        mut key: impl FnMut(&Arch) -> Result<Option<Vec<u8>>, E>,
        mut told: impl FnMut(u64),
    ) -> Result<Self, QuotientError<E>> {
        let mut out = Self::empty(space).ok_or(QuotientError::Wide)?;
        for (seen, arch) in (1u64..).zip(space.enumerate()) {
            if seen > limit {
                return Err(QuotientError::TooMany { limit });
            }
            if seen % 1_024 == 0 {
                told(seen);
            }
            let Some(k) = key(&arch).map_err(QuotientError::Caller)? else {
                continue;
            };
            let next = out.sizes.len() as u32;
            let class = *out.by_key.entry(k.into_boxed_slice()).or_insert(next);
            if class == next {
                out.push(&arch);
            }
            out.sizes[class as usize] += 1;
        }
        Ok(out)
    }

    fn empty(space: &Space) -> Option<Self> {
        let model = space.model.clone();
        let narrow = (0..model.sites.len()).all(|s| model.width(s) <= usize::from(u16::MAX));
        narrow.then(|| Self {
            model,
            codes: Vec::new(),
            sizes: Vec::new(),
            by_key: HashMap::new(),
        })
    }

    /// Classes given by one member each, by other means than a key.
    pub fn of_members(space: &Space, members: impl Iterator<Item = Arch>) -> Option<Self> {
        let mut out = Self::empty(space)?;
        for m in members {
            out.push(&m);
        }
        Some(out)
    }

    fn push(&mut self, arch: &Arch) {
        let model = &self.model;
        let codes = arch.0.iter().enumerate();
        self.codes
            .extend(codes.map(|(s, o)| model.code(s, *o) as u16));
        self.sizes.push(0);
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// The member that stands for a class: the first in lexicographic order.
    pub fn representative(&self, class: usize) -> Option<Arch> {
        if class >= self.sizes.len() {
            return None;
        }
        let n = self.model.sites.len();
        let codes = &self.codes[class * n..(class + 1) * n];
        let option = |(s, c): (usize, &u16)| {
            let c = usize::from(*c);
            (c < self.model.sites[s].labels.len()).then_some(c)
        };
        Some(Arch(codes.iter().enumerate().map(option).collect()))
    }

    /// The number of members of a class; 0 where it was not counted.
    pub fn members(&self, class: usize) -> u64 {
        self.sizes.get(class).copied().unwrap_or(0)
    }

    /// The class with a key.
    pub fn class_of(&self, key: &[u8]) -> Option<usize> {
        self.by_key.get(key).map(|c| *c as usize)
    }
}
