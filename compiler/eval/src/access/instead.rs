//! What to write instead of a function that values of other languages have: `xs.map(f)`, `xs.length`.

/// The help for `x.name(f)` on a list, or on a number or text; `f` is the argument's text, empty where there is none.
pub fn instead(name: &str, x: &str, f: &str, list: bool) -> Option<String> {
    // `x => body` is already the inside of a comprehension.
    let (turn, body) = match f.split_once("=>") {
        Some((turn, body)) => (turn.trim().to_string(), body.trim().to_string()),
        None => ("x".to_string(), format!("{f}(x)")),
    };
    let write = |text: String| Some(format!("write `{text}`"));
    match name {
        "map" | "collect" | "forEach" | "for_each" | "apply" if list => {
            write(format!("[{body} for {turn} in {x}]"))
        }
        "filter" | "where" | "select" if list => {
            write(format!("[{turn} for {turn} in {x} if {body}]"))
        }
        "append" | "push" | "add" | "push_back" if list => write(format!("{x} ++ [{f}]")),
        "extend" | "concat" if list => write(format!("{x} ++ {f}")),
        "contains" | "includes" | "has" => write(format!("{f} in {x}")),
        "length" | "len" | "size" | "count" | "shape" => write(format!("len({x})")),
        "first" | "head" if list => write(format!("{x}[0]")),
        "last" if list => write(format!("{x}[-1]")),
        "index" | "find" | "indexOf" | "index_of" if list => write(format!("position({f}, {x})")),
        "sum" | "mean" | "max" | "min" | "sort" | "sorted" | "reverse" | "unique" | "distinct"
        | "any" | "all" | "median" | "transpose" | "flatten" | "enumerate" | "argmax" | "abs"
        | "sqrt" | "exp" | "log" | "floor" | "ceil" | "round" => {
            let name = match name {
                "sorted" => "sort",
                "unique" => "distinct",
                n => n,
            };
            write(format!("{name}({x})"))
        }
        "zip" if list => write(format!("zip({x}, {f})")),
        "reduce" | "fold" if list => Some(format!(
            "write `sum({x})`, `max({x})` …, or a loop over `{x}` that carries a value"
        )),
        _ if list => Some(format!(
            "a list has no parts of its own: write a function of it, `{name}({x})`, or take an element, `{x}[0]`"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::instead;

    #[test]
    fn words_of_other_languages_have_a_way_here() {
        let help = |name, f| instead(name, "xs", f, true).unwrap_or_default();
        assert_eq!(help("map", "v => v + 1"), "write `[v + 1 for v in xs]`");
        assert_eq!(help("map", "f"), "write `[f(x) for x in xs]`");
        assert_eq!(
            help("filter", "v => v > 1"),
            "write `[v for v in xs if v > 1]`"
        );
        assert_eq!(help("append", "3"), "write `xs ++ [3]`");
        assert_eq!(instead("upper", "t", "", false), None);
    }
}
