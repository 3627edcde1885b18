//! The pages of the codes: what each means, an example that raises it, and how to mend it.

macro_rules! pages {
    ($($code:literal)*) => {
        [$(($code, include_str!(concat!("../codes/", $code, ".md")))),*]
    };
}

/// In order of code. A test compares the list with the folder.
#[rustfmt::skip]
static PAGES: &[(&str, &str)] = &pages![
    "E0101" "E0102" "E0103" "E0104" "E0105" "E0106" "E0107" "E0108"
    "E0201" "E0202" "E0203" "E0204" "E0205" "E0206" "E0207" "E0208"
    "E0301" "E0302" "E0303" "E0304" "E0305" "E0306" "E0307" "E0308" "E0309"
    "E0321" "E0322" "E0323" "E0324"
    "E0401" "E0402" "E0403"
    "E0501"
    "E0601" "E0602" "E0603" "E0604" "E0605" "E0606"
    "E0621" "E0622" "E0623" "E0624" "E0625" "E0626" "E0627" "E0628" "E0629"
    "E0701" "E0702" "E0703" "E0704" "E0705" "E0706" "E0707" "E0708" "E0709" "E0710"
    "E0801" "E0802" "E0803"
    "W0201" "W0202" "W0601" "W0801"
];

/// The page of a code (`E0401`), as Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES
        .binary_search_by(|(c, _)| (*c).cmp(code))
        .ok()
        .map(|i| PAGES[i].1)
}

/// What a code is called: the rest of its page's first line.
pub fn title(code: &str) -> Option<&'static str> {
    let first = page(code)?.lines().next()?;
    first.split_once(": ").map(|(_, title)| title)
}

/// Every code with its title, in order.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    PAGES
        .iter()
        .map(|(code, _)| (*code, title(code).unwrap_or("")))
}

/// A fenced example of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The words behind the fence: `nas error=E0401`, `nas ok`, `nas run=E0702`, `sh`.
    pub info: &'static str,
    pub text: &'static str,
}

/// The fenced examples of a code's page, in order.
pub fn examples(code: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut rest = page(code).unwrap_or("");
    while let Some((_, after)) = rest.split_once("\n```") {
        let Some((info, body)) = after.split_once('\n') else {
            break;
        };
        let Some((text, after)) = body.split_once("```") else {
            break;
        };
        found.push(Example {
            info: info.trim(),
            text,
        });
        rest = after;
    }
    found
}

/// The paragraph below "What it means".
pub(crate) fn meaning(page: &'static str) -> Option<&'static str> {
    let (_, after) = page.split_once("## What it means\n")?;
    after.trim_start().split("\n\n").next().map(str::trim)
}
