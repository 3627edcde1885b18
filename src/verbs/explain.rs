//! `nasc explain`: the page of an error's code.

use super::Outcome;
use crate::args::Explain;
use crate::exit;
use crate::show::Show;
use nas_diagnostics::{Diagnostic, codes, did_you_mean, page};

pub fn run(args: &Explain, show: &mut Show) -> Outcome {
    let Some(given) = &args.code else {
        let list: String = codes()
            .map(|(code, title)| format!("{code}  {title}\n"))
            .collect();
        show.text(&list);
        return Outcome::ok();
    };
    let code = given
        .trim()
        .trim_start_matches("error[")
        .trim_end_matches(']')
        .to_uppercase();
    if let Some(text) = page(&code) {
        show.text(text);
        return Outcome::ok();
    }
    let d = Diagnostic::error("E0802", format!("there is no code `{given}`"));
    // A word may be looked for as well: `nasc explain shape` lists what mentions it.
    let word = given.to_lowercase();
    let about: Vec<&str> = codes()
        .filter(|(_, t)| t.to_lowercase().contains(&word))
        .map(|(c, _)| c)
        .collect();
    let d = match did_you_mean(&code, codes().map(|(c, _)| c)) {
        _ if !about.is_empty() && !word.is_empty() => {
            d.help(format!("about `{given}`: {}", about.join(", ")))
        }
        Some(near) => d.help(format!("did you mean `{near}`?")),
        None => d.help("`nasc explain` lists all codes"),
    };
    Outcome::failed(exit::SOURCE, vec![d])
}
