//! From parsed pairs to the tree: the entry points and what all parts of the reader share.

mod args;
mod decls;
mod draws;
mod expr;
mod items;
mod literals;
mod mend;
mod parts;
mod stmts;
mod types;

use crate::ast::{Expr, ExprKind, Ident, Item, Module};
use crate::{blame, layout};
use nas_diagnostics::{Diagnostic, FileId, Span};
use pest::Parser;
use std::cell::{Cell, RefCell};

#[derive(pest_derive::Parser)]
#[grammar = "../nas.pest"]
pub struct Grammar;

pub type Pair<'a> = pest::iterators::Pair<'a, Rule>;

/// How deep the tree of one expression may be, brackets and chains of operators together.
const MAX_DEPTH: usize = 1000;
/// Stack of the thread that reads; only touched pages are paid.
const STACK: usize = 128 << 20;

/// Reads a file. The tree holds every item that could be read; each piece that could not gives one error.
pub fn parse(file: FileId, text: &str) -> (Module, Vec<Diagnostic>) {
    let empty = || Module {
        doc: vec![],
        items: vec![],
        span: Span::new(file, 0, text.len()),
    };
    on_big_stack(
        || module(file, text),
        || (empty(), vec![layout::too_deep(Span::new(file, 0, 0))]),
    )
}

/// Reads one expression: a setting from the command line, or the inside of `{…}` in a text.
pub fn parse_expr(file: FileId, text: &str) -> (Expr, Vec<Diagnostic>) {
    let (mut found, wrong) = expressions(file, text, Rule::single);
    let error = || Expr {
        kind: ExprKind::Error,
        span: Span::new(file, 0, text.len()),
    };
    (found.pop().unwrap_or_else(error), wrong)
}

/// Reads expressions between commas: conditions from the command line, as they stand after `where`.
pub fn parse_exprs(file: FileId, text: &str) -> (Vec<Expr>, Vec<Diagnostic>) {
    expressions(file, text, Rule::several)
}

fn expressions(file: FileId, text: &str, rule: Rule) -> (Vec<Expr>, Vec<Diagnostic>) {
    let broken = |d: Diagnostic| (vec![], vec![d]);
    let nothing = || {
        Diagnostic::error("E0101", "an expression is expected")
            .at(Span::new(file, 0, 0), "nothing here")
    };
    on_big_stack(
        || {
            let laid = layout::lay_out(file, text, 0);
            if let Some(problem) = laid.problem {
                return broken(problem);
            }
            let reader = Reader::new(file, 0, text);
            match Grammar::parse(rule, &laid.text) {
                Ok(mut pairs) => {
                    let inner = pairs.next().into_iter().flat_map(Pair::into_inner);
                    let inner = inner.filter(|p| p.as_rule() == Rule::expr);
                    let all: Vec<Expr> = inner.map(|p| reader.expr(p)).collect();
                    match all.is_empty() {
                        true => broken(nothing()),
                        false => (all, reader.found.into_inner()),
                    }
                }
                Err(error) => broken(blame::explain(file, 0, text, &laid.text, &error)),
            }
        },
        || broken(layout::too_deep(Span::new(file, 0, 0))),
    )
}

fn on_big_stack<T: Send>(work: impl FnOnce() -> T + Send, failed: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, work);
        thread.ok().and_then(|t| t.join().ok())
    })
    .unwrap_or_else(failed)
}

fn module(file: FileId, text: &str) -> (Module, Vec<Diagnostic>) {
    let mut module = Module {
        doc: vec![],
        items: vec![],
        span: Span::new(file, 0, text.len()),
    };
    let mut found = vec![];
    let whole = layout::lay_out(file, text, 0);
    module.doc = whole.doc;
    match whole.problem {
        None => {
            for (i, start) in whole.starts.iter().enumerate() {
                let end = whole.starts.get(i + 1).copied().unwrap_or(text.len());
                piece(
                    file,
                    *start,
                    &text[*start..end],
                    &whole.text[*start..end],
                    &mut module.items,
                    &mut found,
                );
            }
        }
        // Too deep: nothing more can be said.
        Some(problem) if problem.code == "E0105" => found.push(problem),
        Some(_) => {
            let starts = layout::anchored_starts(text);
            for (i, start) in starts.iter().enumerate() {
                let end = starts.get(i + 1).copied().unwrap_or(text.len());
                let laid = layout::lay_out(file, &text[*start..end], *start);
                match laid.problem {
                    Some(problem) => {
                        let text = &text[*start..end];
                        module
                            .items
                            .extend(without_strays(file, *start, text, &problem));
                        found.push(mend::place(problem, *start, text));
                    }
                    None => piece(
                        file,
                        *start,
                        &text[*start..end],
                        &laid.text,
                        &mut module.items,
                        &mut found,
                    ),
                }
            }
        }
    }
    found.sort_by_key(|d| d.primary().map(|s| s.start));
    (module, found)
}

/// Brackets too many in a piece that is read without them.
const STRAYS: usize = 16;

/// The items of a piece whose only fault is a bracket that closes nothing.
fn without_strays(file: FileId, base: usize, text: &str, problem: &Diagnostic) -> Vec<Item> {
    let mut text = text.to_string();
    let mut problem = Some(problem.clone());
    for _ in 0..STRAYS {
        let Some(d) = problem else { break };
        let [edit] = &d.fixes[..] else { return vec![] };
        let (from, to) = (edit.span.start as usize, edit.span.end as usize);
        if d.code != "E0102" || !edit.text.is_empty() || to != from + 1 || from < base {
            return vec![];
        }
        text.replace_range(from - base..to - base, " ");
        problem = layout::lay_out(file, &text, base).problem;
    }
    let laid = layout::lay_out(file, &text, base);
    if laid.problem.is_some() {
        return vec![];
    }
    let (mut items, mut found) = (vec![], vec![]);
    piece(file, base, &text, &laid.text, &mut items, &mut found);
    if found.is_empty() { items } else { vec![] }
}

/// Reads one piece: usually one item with its doc lines.
fn piece(
    file: FileId,
    base: usize,
    text: &str,
    laid: &str,
    items: &mut Vec<Item>,
    found: &mut Vec<Diagnostic>,
) {
    match Grammar::parse(Rule::slice, laid) {
        Ok(pairs) => {
            let reader = Reader::new(file, base, text);
            for pair in pairs
                .flat_map(|p| p.into_inner())
                .filter(|p| p.as_rule() == Rule::item)
            {
                items.extend(reader.item(pair));
            }
            found.extend(reader.found.into_inner());
        }
        Err(error) => found.push(blame::explain(file, base, text, laid, &error)),
    }
}

/// Where the statements, items and lines of declarations of a sound file begin.
pub fn starts(text: &str) -> std::collections::HashSet<usize> {
    let gather = || {
        let whole = layout::lay_out(FileId(0), text, 0);
        let mut all = std::collections::HashSet::new();
        for (i, start) in whole.starts.iter().enumerate() {
            let end = whole.starts.get(i + 1).copied().unwrap_or(text.len());
            let Some(Ok(pairs)) = whole
                .text
                .get(*start..end)
                .map(|t| Grammar::parse(Rule::slice, t))
            else {
                continue;
            };
            for pair in pairs.flatten() {
                use Rule as R;
                if matches!(
                    pair.as_rule(),
                    R::stmt
                        | R::item
                        | R::doc
                        | R::rule_line
                        | R::enlarge_move
                        | R::raises
                        | R::column
                        | R::table_key
                        | R::table_per
                        | R::table_mean
                        | R::table_modulo
                ) {
                    all.insert(start + pair.as_span().start());
                }
                // A statement with doc lines begins again behind them.
                if matches!(pair.as_rule(), R::stmt | R::item) {
                    let mut inner = pair.into_inner().skip_while(|p| p.as_rule() == R::doc);
                    all.extend(inner.next().map(|p| start + p.as_span().start()));
                }
            }
        }
        all
    };
    on_big_stack(gather, Default::default)
}

/// Reads the pairs of one piece.
pub struct Reader<'t> {
    file: FileId,
    base: usize,
    text: &'t str,
    found: RefCell<Vec<Diagnostic>>,
    depth: Cell<usize>,
    place: Cell<stmts::Place>,
}

impl<'t> Reader<'t> {
    fn new(file: FileId, base: usize, text: &'t str) -> Self {
        Reader {
            file,
            base,
            text,
            found: RefCell::new(vec![]),
            depth: Cell::new(0),
            place: Cell::new(stmts::Place::Anywhere),
        }
    }

    fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn span(&self, pair: &Pair) -> Span {
        let span = pair.as_span();
        Span::new(self.file, self.base + span.start(), self.base + span.end())
    }

    /// What was written under a pair, before the layout pass.
    fn source(&self, pair: &Pair) -> &'t str {
        let span = pair.as_span();
        self.text.get(span.start()..span.end()).unwrap_or("")
    }

    fn source_at(&self, span: Span) -> &'t str {
        self.text
            .get(span.start as usize - self.base..span.end as usize - self.base)
            .unwrap_or("")
    }

    fn ident(&self, pair: &Pair) -> Ident {
        Ident {
            text: pair.as_str().into(),
            span: self.span(pair),
        }
    }

    /// Runs `work` `more` levels further down, or reports that this is too deep.
    fn deeper<T>(&self, more: usize, at: Span, work: impl FnOnce() -> T) -> Option<T> {
        let depth = self.depth.get();
        if depth + more > MAX_DEPTH {
            // One report is enough for a piece.
            if !self.found.borrow().iter().any(|d| d.code == "E0105") {
                self.report(layout::too_deep(at));
            }
            return None;
        }
        self.depth.set(depth + more);
        let value = work();
        self.depth.set(depth);
        Some(value)
    }
}

/// The parts of a pair, punctuation left out.
fn parts(pair: Pair) -> std::iter::Peekable<impl Iterator<Item = Pair>> {
    pair.into_inner()
        .filter(|p| {
            !matches!(
                p.as_rule(),
                Rule::rparen
                    | Rule::rbracket
                    | Rule::rbrace
                    | Rule::comma
                    | Rule::colon
                    | Rule::equals
                    | Rule::over_word
                    | Rule::to_word
                    | Rule::with_word
                    | Rule::EOI
            )
        })
        .peekable()
}

/// The next part when it is of this kind.
fn take<'a>(
    parts: &mut std::iter::Peekable<impl Iterator<Item = Pair<'a>>>,
    rule: Rule,
) -> Option<Pair<'a>> {
    parts.next_if(|p| p.as_rule() == rule)
}
