//! The nearest known name, for "did you mean".

/// Longer names are not compared: a distance costs the product of the lengths.
const LONGEST: usize = 64;

/// The candidate that `name` most likely stands for, or none when nothing is near.
///
/// A candidate that differs in case or in `_`/`-` only wins; otherwise the smallest number of edits, at most a third
/// of the name's length and at least one. Ties go to the first in alphabetical order.
pub fn did_you_mean<I, S>(name: &str, candidates: I) -> Option<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let plain = fold(name);
    let limit = (name.chars().count() / 3).max(1);
    let (letters, marks) = (letters(name), name.contains(['_', '-']));
    let ascii = name.is_ascii();
    let mut best: Option<(usize, String)> = None;
    for candidate in candidates {
        let candidate = candidate.as_ref();
        if candidate == name || candidate.is_empty() || candidate.len() > LONGEST {
            continue;
        }
        // Most names are far: an edit changes at most two of the letters' counts.
        if ascii
            && candidate.is_ascii()
            && !marks
            && !candidate.contains(['_', '-'])
            && apart(&letters, candidate) > 2 * limit
        {
            continue;
        }
        let distance = if fold(candidate) == plain {
            0
        } else {
            strsim::damerau_levenshtein(name, candidate)
        };
        // One edit turns any one-letter name into any other: that is no likeness.
        if distance > limit || distance >= candidate.chars().count() {
            continue;
        }
        if best
            .as_ref()
            .is_none_or(|(d, c)| (distance, candidate) < (*d, c.as_str()))
        {
            best = Some((distance, candidate.to_string()));
        }
    }
    best.map(|(_, c)| c)
}

/// How often each letter stands in a name, case apart from it.
type Letters = [i16; 32];

fn place(byte: u8) -> usize {
    usize::from(byte.to_ascii_lowercase() & 31)
}

fn letters(name: &str) -> Letters {
    let mut out = [0; 32];
    name.bytes().for_each(|b| out[place(b)] += 1);
    out
}

/// By how much the counts of two names differ, at least: bytes that share a place count as one.
fn apart(letters: &Letters, other: &str) -> usize {
    let mut left = *letters;
    other.bytes().for_each(|b| left[place(b)] -= 1);
    left.iter().map(|n| usize::from(n.unsigned_abs())).sum()
}

fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn many_names_are_compared_quickly() {
        let names: Vec<String> = (0..5_000).map(|i| format!("f{i}")).collect();
        let begun = std::time::Instant::now();
        for i in 0..500 {
            did_you_mean(&format!("yy{i}"), &names);
        }
        assert!(begun.elapsed().as_secs_f64() < 3.0, "{:?}", begun.elapsed());
        assert_eq!(
            did_you_mean("widht", ["with", "width"]).as_deref(),
            Some("width")
        );
        assert_eq!(
            did_you_mean("größe", ["grösse", "gruesse"]).as_deref(),
            None
        );
        assert_eq!(
            did_you_mean("BatchNorm", ["batch_norm"]).as_deref(),
            Some("batch_norm")
        );
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["conv2d", "linear", "batch_norm", "relu", "n"];
        assert_eq!(did_you_mean("conv2", known).as_deref(), Some("conv2d"));
        assert_eq!(
            did_you_mean("batchnorm", known).as_deref(),
            Some("batch_norm")
        );
        assert_eq!(
            did_you_mean("BatchNorm", known).as_deref(),
            Some("batch_norm")
        );
        assert_eq!(did_you_mean("rleu", known).as_deref(), Some("relu"));
        assert_eq!(did_you_mean("attention", known), None);
        assert_eq!(did_you_mean("x", known), None);
        assert_eq!(did_you_mean("", known), None);
        assert_eq!(did_you_mean(&"x".repeat(100_000), known), None);
    }

    #[test]
    fn ties_do_not_depend_on_the_order_given() {
        assert_eq!(did_you_mean("cat", ["car", "bat"]).as_deref(), Some("bat"));
        assert_eq!(did_you_mean("cat", ["bat", "car"]).as_deref(), Some("bat"));
    }
}
