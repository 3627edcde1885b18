//! Mistakes as people make them, put into programs that are right: one a program, each with the place a person would point at.

use nas_analyze::walk::{Visit, walk_expr, walk_stmt};
use nas_diagnostics::{FileId, Span};
use nas_grammar::ast::*;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

#[path = "trees.rs"]
mod trees;

/// A program with one mistake in it.
pub struct Mistake {
    pub kind: &'static str,
    pub file: String,
    pub text: String,
    /// Places in `text` that a person would point at; any of them.
    pub places: Vec<Range<usize>>,
    /// What was changed: `conv2d(c, 3)` to `conv2d(c)`.
    pub what: String,
}

/// How many of one kind a file gives at most.
const MOST: usize = 2;

/// What the mistakes need to know of the declarations of all files.
#[derive(Default)]
pub struct Known {
    /// By name: for each list of parameters, how many have no default, and how many there are.
    functions: HashMap<Arc<str>, Vec<Declared>>,
    /// Names that each module declares, by the last part of its path.
    modules: HashMap<String, HashSet<Arc<str>>>,
}

struct Declared {
    role: Role,
    /// A list a bracket: the type's name of each parameter, and whether it has a default.
    lists: Vec<Vec<(String, bool)>>,
    draws: bool,
    /// Takes arguments of any name.
    open: bool,
}

struct Draws(bool);
impl Visit for Draws {
    fn stmt(&mut self, s: &Stmt) {
        self.0 |= matches!(s.kind, StmtKind::Draw { .. });
        walk_stmt(self, s);
    }
    fn expr(&mut self, e: &Expr) {
        self.0 |= matches!(e.kind, ExprKind::Draw(_));
        walk_expr(self, e);
    }
}

impl Known {
    pub fn add(&mut self, path: &str, text: &str) {
        let (tree, _) = nas_grammar::parse(FileId(0), text);
        let stem = path
            .rsplit('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".nas");
        let own = self.modules.entry(stem.to_string()).or_default();
        for item in &tree.items {
            match &item.kind {
                ItemKind::Fn(d) => {
                    own.insert(d.name.text.clone());
                    let mut draws = Draws(false);
                    draws.item(item);
                    let lists = d.params.iter().map(|l| {
                        l.iter()
                            .map(|p| (type_name(p), p.default.is_some()))
                            .collect()
                    });
                    let known = Declared {
                        role: d.role,
                        lists: lists.collect(),
                        draws: draws.0,
                        open: (d.params.iter().flatten()).any(|p| {
                            matches!(p.ty.as_ref().map(|t| &t.kind), Some(TypeKind::Map(..)))
                        }),
                    };
                    self.functions
                        .entry(d.name.text.clone())
                        .or_default()
                        .push(known);
                }
                ItemKind::Space(d) => {
                    own.insert(d.name.text.clone());
                }
                _ => {}
            }
        }
    }

    /// The one declaration of a name.
    fn one(&self, name: &str) -> Option<&Declared> {
        match self.functions.get(name).map(Vec::as_slice) {
            Some([d]) => Some(d),
            _ => None,
        }
    }
}

fn type_name(p: &Param) -> String {
    match p.ty.as_ref().map(|t| &t.kind) {
        Some(TypeKind::Name { name, .. }) => name.text.to_string(),
        Some(TypeKind::Fn(..)) => "function".into(),
        Some(TypeKind::Tensor { .. }) => "tensor".into(),
        _ => String::new(),
    }
}

/// All mistakes of a file.
pub fn mistakes(file: &str, text: &str, known: &Known) -> Vec<Mistake> {
    let (tree, found) = nas_grammar::parse(FileId(0), text);
    assert!(found.is_empty(), "{file} is right");
    let mut g = Generator {
        file,
        text,
        known,
        out: vec![],
        tensor: None,
        stem: String::new(),
        lets: vec![],
        own: HashSet::new(),
    };
    let renamed = tree.items.iter().filter_map(|i| match &i.kind {
        ItemKind::Use(u) => u.names.as_ref(),
        _ => None,
    });
    let renamed: Vec<Arc<str>> = (renamed.flatten())
        .filter_map(|n| Some(n.1.as_ref()?.text.clone()))
        .collect();
    for item in &tree.items {
        g.own = renamed.iter().cloned().collect();
        if let ItemKind::Fn(d) = &item.kind {
            g.own
                .extend(d.params.iter().flatten().map(|p| p.name.text.clone()));
        }
        g.whole(item);
        g.item(item);
    }
    g.lines();
    g.out
}

struct Generator<'a> {
    file: &'a str,
    text: &'a str,
    known: &'a Known,
    out: Vec<Mistake>,
    /// The tensor of the block at hand.
    tensor: Option<Arc<str>>,
    stem: String,
    lets: Vec<Vec<Ident>>,
    /// Names that stand for something else here than what is declared under them.
    own: HashSet<Arc<str>>,
}

impl<'a> Generator<'a> {
    /// What a name is declared as.
    fn one(&self, name: &str) -> Option<&'a Declared> {
        self.known.one(name).filter(|_| !self.own.contains(name))
    }
}

fn range(s: Span) -> Range<usize> {
    s.start as usize..s.end as usize
}

impl Generator<'_> {
    fn at(&self, s: Span) -> &str {
        self.text.get(range(s)).unwrap_or("")
    }

    /// Replaces `cut` by `put`; `places` are in the text before.
    fn change(
        &mut self,
        kind: &'static str,
        cut: Range<usize>,
        put: &str,
        places: &[Range<usize>],
    ) {
        if self.out.iter().filter(|m| m.kind == kind).count() >= MOST {
            return;
        }
        let (start, end) = (cut.start, cut.end);
        let mut text = self.text.to_string();
        text.replace_range(cut, put);
        let moved = |at: usize| {
            if at >= end {
                at + put.len() - (end - start)
            } else {
                at.min(start + put.len())
            }
        };
        let places = places
            .iter()
            .map(|p| moved(p.start)..moved(p.end).max(moved(p.start) + 1))
            .collect();
        let old = self.text[start..end].replace('\n', " ");
        let what = format!("`{}` to `{}`", short(&old), short(&put.replace('\n', " ")));
        self.out.push(Mistake {
            kind,
            file: self.file.to_string(),
            text,
            places,
            what,
        });
    }

    /// Replaces `cut` and points at what was put in.
    fn replace(&mut self, kind: &'static str, cut: Range<usize>, put: &str) {
        let here = cut.clone();
        let at = cut.start;
        self.change(kind, cut, put, &[here]);
        // The place covers all that was put in.
        if let Some(m) = self.out.last_mut().filter(|m| m.kind == kind)
            && let Some(p) = m.places.first_mut()
        {
            p.start = p.start.min(at);
            p.end = p.end.max(p.start + put.len());
        }
    }

    /// Declarations as a whole.
    fn whole(&mut self, item: &Item) {
        let ItemKind::Fn(d) = &item.kind else {
            if let ItemKind::Space(d) = &item.kind
                && d.body
                    .stmts
                    .iter()
                    .any(|s| matches!(s.kind, StmtKind::Net(_)))
            {
                let end = d.body.span.end as usize - 1;
                self.replace("unmeetable condition", end..end, "  where params <= 1\n");
            }
            return;
        };
        self.tensor = d
            .params
            .last()
            .and_then(|l| l.first())
            .map(|p| p.name.text.clone());
        if d.role == Role::Intrinsic {
            return;
        }
        let copy = format!("\n{}\n", self.at(item.span));
        let end = self.text.len();
        let name = self.text[range(item.span)].find(&*d.name.text).unwrap_or(0);
        self.change("declared twice", end..end, &copy, &[]);
        if let Some(m) = self
            .out
            .last_mut()
            .filter(|m| m.kind == "declared twice" && m.places.is_empty())
        {
            m.places
                .push(end + 1 + name..end + 1 + name + d.name.text.len());
        }
        if d.role == Role::Block
            && let Some(Type {
                kind: TypeKind::Tensor { shape, .. },
                span,
            }) = &d.result
            && let [.., IndexArg::At(a), IndexArg::At(b)] = &shape[..]
            && let (ExprKind::Name(x), ExprKind::Name(y)) = (&a.kind, &b.kind)
            && x.text != y.text
        {
            let swapped = format!("{}, {}", y.text, x.text);
            let mut places = vec![range(*span)];
            places.extend(
                d.body
                    .iter()
                    .filter_map(|b| b.value.as_ref())
                    .map(|v| range(v.span)),
            );
            self.change(
                "swapped dimensions",
                a.span.start as usize..b.span.end as usize,
                &swapped,
                &places,
            );
        }
        for p in d.params.iter().flatten() {
            if let Some(Type {
                kind: TypeKind::Name { name, .. },
                ..
            }) = &p.ty
                && name.text.len() > 3
            {
                self.replace("misspelt type", range(name.span), &misspelt(&name.text));
            }
        }
        if let Some(v) = d.body.as_ref().and_then(|b| b.value.as_ref()) {
            let at = v.span.start as usize;
            self.replace("word of another language", at..at, "return ");
        }
    }

    /// Mistakes that are about text rather than trees.
    fn lines(&mut self) {
        let mut from = 0;
        for line in self.text.split_inclusive('\n') {
            let at = from;
            from += line.len();
            if line.trim_start().starts_with("//") {
                continue;
            }
            if let Some(rest) = line.strip_prefix("use ") {
                let names: Vec<&str> = rest
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .filter(|w| w.len() > 3)
                    .collect();
                if let Some(last) = names.last().filter(|_| !rest.contains(" as ")) {
                    let i = at + line.rfind(last).unwrap_or(0);
                    self.replace("misspelt import", i..i + last.len(), &misspelt(last));
                }
                let places = self.uses_of(&names, from);
                if !places.is_empty() {
                    self.change("missing import", at..from, "", &places);
                }
                continue;
            }
            for (open, close) in [("(", ")"), ("[", "]")] {
                if let (Some(i), Some(j)) = (line.find(open), line.rfind(close))
                    && i < j
                    && !line.contains('"')
                {
                    self.change(
                        "missing bracket",
                        at + j..at + j + 1,
                        "",
                        &[at + i..at + line.len()],
                    );
                }
            }
            if let Some(i) = line.find(" == ")
                && line.contains("if ")
            {
                self.replace("= for ==", at + i + 1..at + i + 3, "=");
            }
            for (unit, wrong) in [
                (" minutes", " minuts"),
                (" epochs", " epochz"),
                (" GB", " GiB"),
            ] {
                if let Some(i) = line.find(unit)
                    && line[..i].ends_with(|c: char| c.is_ascii_digit())
                {
                    self.replace(
                        "misspelt unit",
                        at + i + 1..at + i + unit.len(),
                        wrong.trim(),
                    );
                }
            }
            if let Some(i) = line.find('"')
                && let Some(j) = line[i + 1..].find('"')
                && line.matches('"').count() == 2
            {
                let j = i + 1 + j;
                self.change(
                    "unclosed text",
                    at + j..at + j + 1,
                    "",
                    &[at + i..at + line.trim_end().len()],
                );
            }
        }
    }

    /// Where names of some modules stand behind a place.
    fn uses_of(&self, modules: &[&str], from: usize) -> Vec<Range<usize>> {
        let mut names: HashSet<&str> = modules.iter().copied().collect();
        for m in modules {
            names.extend(
                self.known
                    .modules
                    .get(*m)
                    .into_iter()
                    .flatten()
                    .map(|n| &**n),
            );
        }
        let mut out = vec![];
        let mut word = from;
        for (i, c) in self.text.char_indices().chain([(self.text.len(), ' ')]) {
            if i < from || c.is_alphanumeric() || c == '_' {
                continue;
            }
            if word < i && names.contains(&self.text[word..i]) {
                out.push(word..i);
            }
            word = i + c.len_utf8();
        }
        out
    }
}

/// Two letters in the middle changed places.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    for i in 1..letters.len().saturating_sub(1) {
        if letters[i] != letters[i + 1] {
            letters.swap(i, i + 1);
            return letters.into_iter().collect();
        }
    }
    letters.pop();
    letters.into_iter().collect()
}

fn short(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(60) {
        Some((i, _)) => format!("{}…", &text[..i]),
        None => text.to_string(),
    }
}

/// Values of these types cannot stand for each other.
fn apart(a: &str, b: &str) -> bool {
    let plain = |t: &str| {
        matches!(
            t,
            "Net" | "Space" | "Data" | "Weights" | "Optimiser" | "Int" | "Text" | "Schedule"
        )
    };
    a != b && plain(a) && plain(b) && !(a == "Net" && b == "Space") && !(a == "Space" && b == "Net")
}
