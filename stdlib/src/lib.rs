//! The Nas standard library, embedded as text.

/// Every file: its path below the library (`core/layers.nas`) and its text, sorted by path.
pub static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of a file, by its path (`core/layers.nas`).
pub fn text(path: &str) -> Option<&'static str> {
    FILES
        .binary_search_by(|(p, _)| (*p).cmp(path))
        .ok()
        .map(|i| FILES[i].1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn files_are_sorted_and_found() {
        assert!(super::FILES.is_sorted_by(|a, b| a.0 < b.0));
        for (path, text) in super::FILES {
            assert_eq!(super::text(path), Some(*text));
        }
        assert_eq!(super::text("core/no_such_file.nas"), None);
    }
}
