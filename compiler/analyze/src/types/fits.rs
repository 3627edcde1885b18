//! Whether a value of one type can stand where another is asked for: only what is certainly wrong is said.

use super::Types;
use super::special::no_tensor;
use super::stmt::words;
use super::ty::{Decl, Elem, Ty, Unit};
use nas_diagnostics::{Diagnostic, Span, did_you_mean};
use nas_grammar::ast::{FnDecl, Param, Role, Type};
use std::sync::Arc;

/// What is wrong, without a place.
pub(super) struct Clash {
    pub code: &'static str,
    pub want: String,
    help: Option<String>,
    /// The field of a record that it is about, and what that is.
    part: Option<(String, Ty)>,
}

pub(super) fn clash(code: &'static str, want: impl Into<String>) -> Option<Clash> {
    Some(Clash {
        code,
        want: want.into(),
        help: None,
        part: None,
    })
}

/// `callee` is the declaration's name, absent for a default of its own.
impl Types<'_> {
    pub(super) fn fits(
        &mut self,
        param: &str,
        callee: Option<&str>,
        p: &Param,
        given: &Ty,
        at: Span,
    ) {
        let Some(written) = &p.ty else { return };
        let want = self.of(written);
        let Some(c) = check(&want, given).or_else(|| no_tensor(written, given)) else {
            return;
        };
        // Many intrinsics take more kinds of values than their declaration has room for.
        if self.intrinsic && c.code == "E0301" && loose(given) {
            return;
        }
        // Of labels and of tokens as well; each row is one.
        let names = matches!(given.met(), Ty::Tensor(Elem::Label | Elem::Token));
        if self.intrinsic && callee == Some("one_hot") && names {
            return;
        }
        let who = callee.map_or(String::new(), |c| format!(" of `{c}`"));
        let (param, given) = match &c.part {
            Some((part, ty)) if c.code != "E0302" => (&*format!("{param}.{part}"), ty),
            _ => (param, given),
        };
        let message = match c.code {
            "E0304" => format!("`{param}`{who} must be known before anything runs"),
            "E0305" => format!(
                "`{param}`{who} is in {}, and this is in {}",
                c.want,
                unit_words(given)
            ),
            "E0302" => format!("the record for `{param}`{who} has no `{}`", c.want),
            _ => format!("`{param}`{who} is {}, and this is {}", c.want, words(given)),
        };
        let label = match c.code {
            "E0304" => format!("{}: known only at run time", words(given)),
            "E0305" => format!("in {}", unit_words(given)),
            _ => words(given),
        };
        let mut d = Diagnostic::error(c.code, message)
            .at(at, label)
            .at(p.span, "declared here");
        let help = c.help.or_else(|| match c.code {
            "E0304" => {
                Some("take it from a parameter, from a shape or from a `choose`".to_string())
            }
            "E0305" => Some(format!("write it in {}, or without a unit", c.want)),
            _ => None,
        });
        if let Some(h) = help {
            d = d.help(h);
        }
        if c.code == "E0305" {
            d = self.without_unit(d, at);
        }
        let written = self.sources.text(at);
        if c.want.ends_with("number") && matches!(given, Ty::Text) {
            d = self.unquoted(d, at);
        }
        // A local of the parameter's name, or the only one of a type with one meaning.
        if c.code == "E0301"
            && d.fixes.is_empty()
            && callee.is_some()
            && let Some(name) = self.meant(param, &want)
            && *name != *written
        {
            d = d.help(format!("did you mean `{name}`?")).fix(at, &*name);
        }
        if c.want == "a schedule" {
            let (start, end) = (
                Span {
                    end: at.start,
                    ..at
                },
                Span {
                    start: at.end,
                    ..at
                },
            );
            d = d.fix(start, "constant(").fix(end, ")");
        }
        self.report(d);
    }

    /// What is in scope for a parameter.
    fn meant(&self, param: &str, want: &Ty) -> Option<Arc<str>> {
        let fit = |ty: &Ty| check(want, ty).is_none();
        let by_name = self.locals.iter().rev().find(|l| &*l.0 == param);
        if let Some((name, ty)) = by_name
            && fit(ty)
        {
            return Some(name.clone());
        }
        let Ty::Named(n) = want.met() else {
            return None;
        };
        if !certain(n) {
            return None;
        }
        let mut same = self.locals.iter().filter(|l| l.1.met() == want.met());
        match (same.next(), same.next()) {
            (Some((name, _)), None) => Some(name.clone()),
            (None, _) if &**n == "Space" => self.only_space(),
            _ => None,
        }
    }

    /// A `let` with a type of its own.
    pub(super) fn written(&mut self, want: &Ty, written: &Type, given: &Ty, at: Span) {
        let Some(c) = check(want, given) else { return };
        let (verb, got) = match c.code {
            "E0305" => ("in", unit_words(given)),
            _ => ("", words(given)),
        };
        let message =
            format!("this is declared {verb} {}, and is {verb} {got}", c.want).replace("  ", " ");
        let code = if c.code == "E0304" { "E0301" } else { c.code };
        self.report(
            Diagnostic::error(code, message)
                .at(at, got)
                .at(written.span, "declared here"),
        );
    }

    /// The declared result against the type of the body.
    pub(super) fn result(&mut self, d: &FnDecl, written: &Type, found: &Ty, at: Span) {
        let want = self.of(written);
        if let (Ty::Record(want), Ty::Record(got)) = (want.met(), found.met()) {
            for (name, _) in want.iter() {
                if got.iter().any(|g| g.0 == *name) {
                    continue;
                }
                let mut f = Diagnostic::error(
                    "E0202",
                    format!("the result of `{}` has no `{name}`", d.name.text),
                )
                .at(
                    at,
                    format!(
                        "it has {}",
                        got.iter().map(|g| &*g.0).collect::<Vec<_>>().join(", ")
                    ),
                )
                .at(written.span, "promised here");
                let spare = got
                    .iter()
                    .map(|g| &*g.0)
                    .filter(|g| !want.iter().any(|w| &*w.0 == *g));
                if let Some(near) = did_you_mean(name, spare) {
                    f = f.help(format!("write `{name}` where `{near}` is written"));
                } else {
                    f = f.help(format!("add `{name}: …`"));
                }
                self.report(f);
            }
            if want.iter().any(|(n, _)| !got.iter().any(|g| g.0 == *n)) {
                return;
            }
        }
        // Numbers and tensors of one number stand for each other in a result.
        if let (Ty::Num(_), Ty::Tensor(_)) | (Ty::Tensor(_), Ty::Num(_)) = (want.met(), found.met())
        {
            return;
        }
        if let Some(c) = check(&want, found)
            && c.code != "E0304"
        {
            let got = if c.code == "E0305" {
                unit_words(found)
            } else {
                words(found)
            };
            let (of, got) = match &c.part {
                Some((part, ty)) => (format!(" as `{part}`"), words(ty)),
                None => (String::new(), got),
            };
            self.report(
                Diagnostic::error(
                    c.code,
                    format!("`{}` promises {}{of}, and gives {got}", d.name.text, c.want),
                )
                .at(at, got)
                .at(written.span, "promised here"),
            );
        }
    }
}

/// Something that stands for several: a list of arguments, a space for its members, a function for its results.
fn loose(ty: &Ty) -> bool {
    match ty.met() {
        Ty::List(_)
        | Ty::Tuple(_)
        | Ty::Record(_)
        | Ty::None
        | Ty::Bool
        | Ty::Decl(_)
        | Ty::Func(..) => true,
        Ty::Named(n) => &**n == "Space",
        // A cost over a space is many numbers.
        Ty::Num(n) => n.unit.is_some_and(|u| u != Unit::Bare),
        _ => false,
    }
}

fn unit_words(ty: &Ty) -> String {
    match ty.met() {
        Ty::Num(n) => n.unit.unwrap_or(Unit::Bare).words().to_string(),
        Ty::List(t) => unit_words(t),
        other => words(other),
    }
}

/// Certainly not of the type that is wanted.
pub(super) fn differ(want: &Ty, given: &Ty) -> bool {
    check(want, given).is_some_and(|c| c.code == "E0301")
}

pub(super) fn check(want: &Ty, given: &Ty) -> Option<Clash> {
    if let Ty::Maybe(w) = want {
        return match given {
            Ty::None => None,
            _ => check(w, given.met()),
        };
    }
    let given = given.met();
    match (want, given) {
        (Ty::Any, _) | (_, Ty::Any) => None,
        (Ty::Num(w), Ty::Num(g)) => {
            if let (Some(x), Some(y)) = (w.unit, g.unit)
                && x != y
                && x != Unit::Bare
                && y != Unit::Bare
            {
                return clash("E0305", x.words());
            }
            if w.whole && g.run {
                return clash("E0304", "");
            }
            None
        }
        (Ty::Num(w), Ty::Tensor(_)) if w.whole => clash("E0304", ""),
        (Ty::Num(_), Ty::Tensor(e)) if *e == Elem::Complex => clash("E0301", "a number"),
        (Ty::Num(_), Ty::Tensor(_) | Ty::Bool) if !matches!(given, Ty::Bool) => None,
        (Ty::Num(w), Ty::Text | Ty::None | Ty::Bool | Ty::Record(_) | Ty::Named(_)) => {
            if let Ty::Named(n) = given
                && !certain(n)
            {
                return None;
            }
            clash(
                "E0301",
                if w.whole {
                    "a whole number"
                } else {
                    "a number"
                },
            )
        }
        (Ty::Num(w), Ty::List(_)) => clash(
            "E0301",
            if w.whole {
                "a whole number"
            } else {
                "a number"
            },
        ),
        (Ty::Text, Ty::Num(_) | Ty::Bool | Ty::Tensor(_) | Ty::List(_) | Ty::Record(_)) => {
            clash("E0301", "a text")
        }
        (Ty::Bool, Ty::Num(_) | Ty::Text | Ty::List(_) | Ty::Record(_)) => {
            clash("E0301", "true or false")
        }
        (Ty::Tensor(w), Ty::Tensor(g)) => elements(*w, *g),
        (Ty::Tensor(_), Ty::Text | Ty::Record(_)) => clash("E0301", "a tensor"),
        (Ty::Tensor(_), Ty::Named(n)) if certain(n) => clash("E0301", "a tensor"),
        // The value there is asked for, not its address.
        (Ty::Named(w), Ty::Named(g)) if &**w == "Net" && &**g == "Arch" => Some(Clash {
            code: "E0301",
            want: words(want),
            help: Some("its net is read from the space: `space[a]`".into()),
            part: None,
        }),
        (Ty::Named(w), Ty::Named(g)) if w != g => {
            let both = certain(w) && certain(g)
                || &**w == "Mixture" && certain(g) && !matches!(&**g, "Arch" | "Net");
            (both && !(&**w == "Net" && &**g == "Space"))
                .then(|| clash("E0301", words(want)))
                .flatten()
        }
        (Ty::Named(w), Ty::Num(_) | Ty::Text | Ty::Bool | Ty::Tensor(_) | Ty::List(_)) => {
            if &**w == "Schedule" && matches!(given, Ty::Num(_)) {
                return Some(Clash {
                    code: "E0301",
                    want: "a schedule".into(),
                    help: Some("write `constant(…)` around the number".into()),
                    part: None,
                });
            }
            if &**w == "Block" && matches!(given, Ty::List(_)) {
                return None;
            }
            (certain(w)
                || matches!(
                    &**w,
                    "Schedule" | "Optimiser" | "Curriculum" | "Course" | "Block" | "Mixture"
                ))
            .then(|| clash("E0301", words(want)))
            .flatten()
        }
        (Ty::List(w), Ty::List(g)) => check(w, g).filter(|c| c.code != "E0304"),
        (Ty::List(_), Ty::Num(_) | Ty::Text | Ty::Bool) => clash("E0301", "a list"),
        (Ty::List(_), Ty::Named(n)) if certain(n) && &**n != "Space" && &**n != "Data" => {
            clash("E0301", "a list")
        }
        (Ty::Record(w), Ty::Record(g)) => fields(w, g),
        (Ty::Record(_), Ty::Num(_) | Ty::Text | Ty::Bool) => clash("E0301", "a record"),
        // What a function gives, where it is certainly something else.
        (Ty::Tuple(w), Ty::Tuple(g)) if w.len() != g.len() => {
            clash("E0301", format!("a tuple of {}", w.len()))
        }
        (Ty::Tuple(w), Ty::Tuple(g)) => (w.iter().zip(g.iter()).enumerate())
            .find_map(|(i, (w, g))| Some((i, g, check(w, g).filter(|c| c.code != "E0304")?)))
            .map(|(i, g, c)| Clash {
                part: Some((i.to_string(), g.clone())),
                ..c
            }),
        (Ty::Tuple(_), Ty::Num(_) | Ty::Text | Ty::Bool) => clash("E0301", "a tuple"),
        (Ty::Func(_, w), Ty::Func(_, g)) => gives(w, g),
        (Ty::Func(takes, w), Ty::Decl(d)) if d.decl.params.len() == d.lists + 1 => {
            taken(takes.as_deref(), d).or_else(|| match d.decl.result.as_ref() {
                Some(t) => gives(w, &Ty::of(t, &|_| None)),
                None => None,
            })
        }
        (Ty::Func(..), Ty::Num(_) | Ty::Text | Ty::Bool | Ty::Tensor(_)) => {
            clash("E0301", "a function")
        }
        _ => None,
    }
}

/// A declared function that cannot be called as is asked for.
fn taken(takes: Option<&Vec<Ty>>, d: &Decl) -> Option<Clash> {
    let (takes, params) = (takes?, d.decl.params.last()?);
    // What is closed over its draws, and what the runtime implements, takes more than it says.
    if d.decl.role != Role::Fn {
        return None;
    }
    let needed = params.iter().filter(|p| p.default.is_none()).count();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    if takes.len() > params.len() || takes.len() < needed {
        let (n, own) = (takes.len(), params.len());
        return Some(Clash {
            code: "E0301",
            want: format!("a function of {n} argument{}", plural(n)),
            help: Some(format!(
                "`{}` takes {own}: leave the others open or give them, `{}(_, …)`",
                d.decl.name.text, d.decl.name.text
            )),
            part: None,
        });
    }
    None
}

/// A function that gives something else than is asked for.
fn gives(want: &Ty, given: &Ty) -> Option<Clash> {
    let kinds = (want.met(), given.met());
    let apart = matches!(
        kinds,
        (Ty::Text | Ty::Bool, Ty::Num(_))
            | (Ty::Num(_), Ty::Text)
            | (Ty::Bool, Ty::Text)
            | (Ty::Text, Ty::Bool)
    ) || matches!(kinds, (Ty::Named(w), Ty::Named(g)) if w != g && certain(w) && certain(g))
        || matches!(kinds, (Ty::Named(w), Ty::Num(_) | Ty::Text | Ty::Bool) if certain(w));
    let c = check(want, given).filter(|c| apart && c.code == "E0301")?;
    let want = format!("a function that gives {}", c.want);
    Some(Clash { want, ..c })
}

/// A record with more fields than are asked for is one that has them.
fn fields(want: &[(Arc<str>, Ty)], given: &[(Arc<str>, Ty)]) -> Option<Clash> {
    for (name, ty) in want {
        let Some((_, got)) = given.iter().rev().find(|g| g.0 == *name) else {
            return clash("E0302", &**name);
        };
        if let Some(c) = check(ty, got)
            && c.code != "E0304"
        {
            let part = match c.part {
                Some((inner, ty)) => (format!("{name}.{inner}"), ty),
                None => (name.to_string(), got.clone()),
            };
            return Some(Clash {
                part: Some(part),
                ..c
            });
        }
    }
    None
}

/// Types with one meaning only.
pub(super) fn certain(name: &str) -> bool {
    matches!(name, "Net" | "Space" | "Arch" | "Weights" | "Data")
}

fn elements(want: Elem, given: Elem) -> Option<Clash> {
    use Elem as E;
    let bad = match want {
        E::Index => matches!(
            given,
            E::Bool | E::Float | E::OneHot | E::Complex | E::U8 | E::Label | E::Token
        ),
        E::Label => matches!(
            given,
            E::Bool | E::Float | E::OneHot | E::Complex | E::U8 | E::Index | E::Token
        ),
        E::Token => matches!(
            given,
            E::Bool | E::Float | E::OneHot | E::Complex | E::U8 | E::Index | E::Label
        ),
        E::OneHot => matches!(given, E::Index | E::Label | E::Token | E::Bool | E::Complex),
        E::Bool => given.counts() || matches!(given, E::Complex | E::OneHot | E::U8),
        E::Float => given.counts() || given == E::U8,
        E::U8 => matches!(given, E::Bool | E::OneHot | E::Complex) || given.counts(),
        E::Complex | E::Some => false,
    };
    if !bad {
        return None;
    }
    let help = match (want, given) {
        (E::Index, E::Bool) => Some("an index is made by `argmax(…)`; a comparison makes Bool"),
        (E::Index | E::Label | E::Token, E::Float) => Some("an index is made by `argmax(…)`"),
        (E::Index | E::Label, E::OneHot) => Some("`argmax(…)` turns it back"),
        (E::Float, E::Index | E::Label | E::Token) => {
            Some("`one_hot(…)` or a lookup makes numbers of it")
        }
        (E::OneHot, _) => Some("`one_hot(…)` makes it"),
        _ => None,
    };
    Some(Clash {
        code: "E0301",
        want: match want {
            E::Float => "a tensor of Float".into(),
            w => format!("a tensor of {}", w.name()),
        },
        help: help.map(String::from),
        part: None,
    })
}
