//! The codes this crate reports, with their meaning in one line.

pub const CODES: &[(&str, &str)] = &[
    ("E0101", "something stands where something else is expected"),
    (
        "E0102",
        "a bracket, a brace or a text is opened and not closed, or closed and not opened",
    ),
    (
        "E0103",
        "a word or sign of another language, `=` for `==`, or a missing comma",
    ),
    ("E0104", "a number or its unit cannot be read"),
    ("E0105", "nested too deeply"),
    (
        "E0106",
        "a text has an escape or a brace that cannot be read",
    ),
    (
        "E0107",
        "a declaration or statement stands where it has no meaning",
    ),
    ("E0108", "a parameter or field is named twice"),
];
