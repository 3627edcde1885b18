//! Names of types: those of the language, those that are declared, and what other languages call them.

use super::Checker;
use super::lookup::Meaning;
use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_grammar::ast::{Expr, ExprKind, Ident, ItemKind};

/// Types of the language that no declaration introduces; those of the library's intrinsics come to these.
const TYPES: &[&str] = &[
    "Int",
    "Float",
    "Bool",
    "Text",
    "Any",
    "Tensor",
    "Net",
    "Space",
    "Arch",
    "Site",
    "Weights",
    "Data",
    "Block",
    "BitOps",
    "BlockKind",
    "Fn",
    "Schedule",
    "Curriculum",
    "Optimiser",
    "Metric",
    "Loss",
    "Proxy",
    "Trainer",
    "Search",
    "Score",
    "Scored",
    "Rate",
    "Ratio",
    "Share",
    "Percent",
    "Macs",
    "Params",
    "Bits",
    "Bytes",
    "Epochs",
    "Steps",
    "Pixels",
    "Seconds",
    "Decibel",
    "dB",
    "Index",
    "Label",
    "Token",
    "OneHot",
    "U8",
    "Complex",
    "Image",
    "f32",
    "f64",
    "Use",
    "Slot",
    "Policy",
    "Option",
    "Mixture",
    "Growth",
    "Record",
    "Table",
    "Trace",
    "Range",
    "Course",
    "Padding",
    "Axes",
    "Distribution",
    "Move",
    "Track",
    "Clock",
    "Real",
    "Rewrite",
    "Video",
];

/// What other languages call a type.
fn meant(name: &str) -> Option<&'static str> {
    Some(match name {
        "int" | "integer" | "long" | "uint" | "i32" | "i64" | "u32" | "u64" | "usize"
        | "Integer" => "Int",
        "float" | "double" | "number" | "real" | "Double" | "Number" | "f16" => "Float",
        "bool" | "boolean" | "Boolean" => "Bool",
        "str" | "string" | "text" | "String" | "Str" => "Text",
        "tensor" | "array" | "Array" | "ndarray" => "Tensor",
        "dict" | "object" | "map" | "struct" | "Dict" | "Map" => "Record",
        "any" | "var" | "auto" => "Any",
        "module" | "model" | "Module" | "Model" | "nn" => "Net",
        "dataset" | "Dataset" | "DataLoader" => "Data",
        _ => return None,
    })
}

impl Checker<'_> {
    /// E0201: a type that nothing declares; E0301: a name that stands for something else.
    pub(super) fn type_name(&mut self, name: &Ident) {
        let meaning = self.look(name);
        if self.lenient > 0 || TYPES.contains(&&*name.text) || self.words.types.contains(&name.text)
        {
            return;
        }
        match meaning {
            Meaning::Unknown if self.here.failed.contains(&name.text) => return,
            Meaning::Unknown => {}
            // `int` is a function here, and a type elsewhere.
            Meaning::Global(id)
                if matches!(self.program.item(id).kind, ItemKind::Fn(_))
                    && meant(&name.text).is_some() => {}
            Meaning::Global(id) => return self.no_type(name, &self.program.item(id).kind.clone()),
            _ => return,
        }
        if !self.reported.insert((name.span, name.text.clone())) {
            return;
        }
        let d = Diagnostic::error("E0201", format!("unknown type `{}`", name.text))
            .at(name.span, "nothing of this name is declared");
        let all = TYPES
            .iter()
            .copied()
            .chain(self.words.types.iter().map(|t| &**t))
            .filter(|t| t.len() > 1);
        let near = meant(&name.text).map(String::from);
        self.diagnostics
            .push(match near.or_else(|| did_you_mean(&name.text, all)) {
                Some(near) => d.did_you_mean(&near),
                None => {
                    d.help("declare it: `type Name = { … }`; or leave the type out: it is inferred")
                }
            });
    }

    fn no_type(&mut self, name: &Ident, item: &ItemKind) {
        let what = match item {
            ItemKind::Fn(_) => "a function",
            ItemKind::Let { .. } => "a value",
            ItemKind::Pipeline(_) => "a pipeline",
            ItemKind::Rewrite(_) => "a set of rules",
            ItemKind::Table(_) => "a table",
            // Members of a space, of a family; aliases.
            _ => return,
        };
        if self.reported.insert((name.span, name.text.clone())) {
            self.diagnostics.push(
                Diagnostic::error("E0301", format!("`{}` is {what}, not a type", name.text))
                    .at(name.span, "a type stands here")
                    .help("write what kind of value is meant, `Net`, `Block`, `Arch -> Score` …, or leave the type out"),
            );
        }
    }

    /// E0201: `[int]` would name an axis.
    pub(super) fn foreign(&mut self, extent: &Expr) {
        let ExprKind::Name(name) = &extent.kind else {
            return;
        };
        let Some(near) = meant(&name.text) else {
            return;
        };
        if name.text.starts_with(char::is_uppercase)
            || self.lenient > 0
            || matches!(self.look(name), Meaning::Global(_) | Meaning::Module(_))
            || !self.reported.insert((name.span, name.text.clone()))
        {
            return;
        }
        self.diagnostics.push(
            Diagnostic::error("E0201", format!("unknown type `{}`", name.text))
                .at(
                    name.span,
                    "read as the name of an axis: a list of one type starts with a capital letter",
                )
                .did_you_mean(near),
        );
    }
}
