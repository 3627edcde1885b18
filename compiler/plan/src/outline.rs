//! A page read back as an outline: enough to compare two of them, whoever wrote them and when.

use std::collections::BTreeMap;

/// A line and the lines below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    pub text: String,
    pub below: Vec<Outline>,
}

impl Outline {
    /// Reads a page; lines are below the nearest line above that is indented less.
    pub fn read(page: &str) -> Outline {
        let mut root = Outline::default();
        let mut path: Vec<usize> = vec![];
        for line in page.lines().filter(|l| !l.trim().is_empty()) {
            let depth = (line.len() - line.trim_start().len()) / 2;
            path.truncate(depth);
            // Deeper than what stands above counts as right below it.
            let at = path.iter().fold(&mut root, |at, i| &mut at.below[*i]);
            at.below.push(Outline {
                text: line.trim().to_string(),
                below: vec![],
            });
            path.push(at.below.len() - 1);
        }
        root
    }

    /// The entries of a section.
    pub fn section(&self, name: &str) -> &[Outline] {
        let found = self.below.iter().find(|s| s.text == name);
        found.map_or(&[], |s| &s.below)
    }

    /// The name an entry begins with: up to `:` or ` =` or two spaces.
    pub fn name(&self) -> &str {
        let ends = [": ", " = ", "  "];
        let end = ends.iter().filter_map(|e| self.text.find(e)).min();
        let name = &self.text[..end.unwrap_or(self.text.len())];
        name.trim_end_matches(':')
    }

    /// The rest of an entry's line.
    pub fn rest(&self) -> &str {
        let rest = &self.text[self.name().len()..];
        rest.trim_start_matches([':', ' ', '='])
    }

    /// A fact below an entry: `key`, `work`, `memory`.
    pub fn fact(&self, name: &str) -> Option<&str> {
        let line = self.below.iter().find(|l| l.name() == name)?;
        Some(line.rest())
    }

    /// Entries by name; of two with one name the first.
    pub fn by_name(entries: &[Outline]) -> BTreeMap<&str, &Outline> {
        let mut out = BTreeMap::new();
        for e in entries {
            out.entry(e.name()).or_insert(e);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_back() {
        let page = "pipeline main of a.nas\n\nparameters\n  n = 5  (set)\n\nstages\n  a: a list  [x: 1]\n    key    12\n    a[1]:\n      MACs    5\n  b: weights\n";
        let o = Outline::read(page);
        assert_eq!(o.section("parameters")[0].name(), "n");
        assert_eq!(o.section("parameters")[0].rest(), "5  (set)");
        let stages = Outline::by_name(o.section("stages"));
        assert_eq!(stages.len(), 2);
        assert_eq!(stages["a"].fact("key"), Some("12"));
        assert_eq!(stages["a"].below[1].name(), "a[1]");
        assert_eq!(stages["a"].below[1].fact("MACs"), Some("5"));
    }
}
