//! Effects of declarations: drawing, training, reading data and reading the clock, followed through calls; and what each role
//! forbids.

use crate::clock::{Clock, Infer, clock, told};
use crate::modules::index::{Index, pattern_names};
use crate::names::DRAWING_INTRINSICS;
use crate::walk::{Visit, walk_block, walk_expr, walk_item, walk_stmt};
use nas_diagnostics::{Diagnostic, Sources, Span, tidy};
use nas_eval::program::{GlobalId, ModuleId, Program, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::{BTreeSet, HashMap};

/// What a function may do besides giving a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Draws,
    Trains,
    Reads,
    Clock,
}

impl Effect {
    /// As in "it trains".
    pub fn verb(self) -> &'static str {
        match self {
            Effect::Draws => "draws",
            Effect::Trains => "trains",
            Effect::Reads => "reads data",
            Effect::Clock => "reads the clock",
        }
    }
}

/// The effects of every declaration of a program that is a function, by its name's place: what `nasc doc` shows.
pub fn effects(program: &Program, sources: &Sources) -> Vec<(Span, Vec<Effect>)> {
    let index = Index::of(program, sources);
    let mut all = Effects::of(program, &index);
    (0..program.globals.len())
        .filter_map(|id| match &program.item(id).kind {
            ItemKind::Fn(d) if d.role != Role::Intrinsic => {
                let found = all.of_global(id).into_keys().collect::<BTreeSet<_>>();
                Some((d.name.span, found.into_iter().collect()))
            }
            _ => None,
        })
        .collect()
}

/// Findings about effects that a role forbids (E0321) and about the clock where none runs (E0322).
pub fn check_effects(program: &Program, sources: &Sources) -> Vec<Diagnostic> {
    let index = Index::of(program, sources);
    let mut all = Effects::of(program, &index);
    let mut out = vec![];
    let library = program.modules.get(program.entry).is_some_and(|m| m.std);
    for (module, m) in program.modules.iter().enumerate() {
        if m.std && !library {
            continue;
        }
        for item in &m.tree.items {
            Infer {
                inside: 0,
                out: &mut out,
            }
            .item(item);
            match &item.kind {
                ItemKind::Fn(d) => forbidden(&mut all, d, module, &mut out),
                ItemKind::Pipeline(d) => {
                    clock(&d.body, "a pipeline", &mut out);
                    all.ticks(&Clock::of(&d.body), module, "a pipeline", &mut out);
                }
                ItemKind::Test(d) => {
                    clock(&d.body, "a test", &mut out);
                    all.ticks(&Clock::of(&d.body), module, "a test", &mut out);
                }
                ItemKind::Let { value, .. } => {
                    let mut found = Clock::default();
                    found.expr(value);
                    all.ticks(&found, module, "a file's own value", &mut out);
                    told(found.found, "a file's own value", &mut out);
                }
                _ => {}
            }
        }
    }
    tidy(out)
}

fn forbidden(all: &mut Effects, d: &FnDecl, module: ModuleId, out: &mut Vec<Diagnostic>) {
    let Some(body) = &d.body else { return };
    let (what, bad): (&str, &[Effect]) = match d.role {
        Role::Proxy => ("a proxy trains nothing", &[Effect::Trains]),
        Role::Loss => ("a loss trains nothing", &[Effect::Trains]),
        Role::Block => ("a block trains nothing", &[Effect::Trains]),
        Role::Distill => ("a distillation trains nothing by itself", &[Effect::Trains]),
        Role::Metric => (
            "a metric is pure",
            &[Effect::Trains, Effect::Draws, Effect::Reads],
        ),
        Role::Schedule => (
            "a schedule is a function of the clock",
            &[Effect::Trains, Effect::Draws, Effect::Reads],
        ),
        Role::Curriculum => (
            "a curriculum is a function of the clock",
            &[Effect::Trains, Effect::Draws, Effect::Reads],
        ),
        _ => ("", &[]),
    };
    let found = all.of_body(d, body, module);
    for effect in bad {
        let Some(at) = found.get(effect) else {
            continue;
        };
        let role = what.split(' ').nth(1).unwrap_or("function");
        let help = match (effect, d.role) {
            (Effect::Trains, _) => "train in a `trainer`, and give the weights".to_string(),
            (Effect::Draws, _) => "draw outside, and give what was drawn".to_string(),
            _ => "read outside, and give what was read".to_string(),
        };
        out.push(
            Diagnostic::error(
                "E0321",
                format!("{what}, and `{}` {}", d.name.text, effect.verb()),
            )
            .at(*at, format!("this {}", effect.verb()))
            .at(d.name.span, format!("declared as a {role}"))
            .help(help),
        );
    }
    match d.role {
        Role::Metric => clock(body, "a metric", out),
        Role::Proxy => clock(body, "a proxy", out),
        Role::Trainer | Role::Search => {
            // Before and after the loops there is no clock.
            told(
                Clock::of(body).found,
                "the part of a training outside its loop",
                out,
            );
        }
        _ => {}
    }
}

/// An effect and the first place that has it.
type Places = HashMap<Effect, Span>;

struct Effects<'a> {
    program: &'a Program,
    index: &'a Index,
    known: HashMap<GlobalId, Places>,
}

impl<'a> Effects<'a> {
    fn of(program: &'a Program, index: &'a Index) -> Self {
        Effects {
            program,
            index,
            known: HashMap::new(),
        }
    }

    fn of_global(&mut self, id: GlobalId) -> Places {
        if let Some(found) = self.known.get(&id) {
            return found.clone();
        }
        // A circle has the effects of its members; it is an error elsewhere.
        self.known.insert(id, Places::new());
        let module = self.program.globals[id].module;
        let item = self.program.item(id).clone();
        let found = match &item.kind {
            ItemKind::Fn(d) if d.role == Role::Intrinsic => self.of_intrinsic(d, module),
            ItemKind::Fn(d) => match &d.body {
                Some(body) => self.of_body(d, body, module),
                None => Places::new(),
            },
            ItemKind::Table(_) => Places::from([(Effect::Reads, item.span)]),
            _ => Places::new(),
        };
        self.known.insert(id, found.clone());
        found
    }

    /// E0322: a function that reads the clock, called where none runs.
    fn ticks(&mut self, found: &Clock, module: ModuleId, place: &str, out: &mut Vec<Diagnostic>) {
        for name in &found.called {
            if found.bound.contains(&name.text) {
                continue;
            }
            let Some(ScopeEntry::Global(id)) = self.program.lookup(module, &name.text) else {
                continue;
            };
            let id = *id;
            let ItemKind::Fn(d) = &self.program.item(id).kind else {
                continue;
            };
            let (role, declared, lists) = (d.role, d.name.span, d.params.len());
            if role != Role::Fn || lists != 1 || d.clock.is_some() {
                continue;
            }
            let Some(at) = self.of_global(id).get(&Effect::Clock).copied() else {
                continue;
            };
            out.push(
                Diagnostic::error(
                    "E0322",
                    format!(
                        "`{}` reads the clock of a batch loop, and none runs here",
                        name.text
                    ),
                )
                .at(name.span, format!("called in {place}"))
                .at(at, "read here")
                .at(declared, "declared here")
                .help("call it in the loop of a `trainer`, or let it take the time as an argument"),
            );
        }
    }

    fn of_intrinsic(&self, d: &FnDecl, module: ModuleId) -> Places {
        let mut found = Places::new();
        if DRAWING_INTRINSICS.contains(&&*d.name.text) {
            found.insert(Effect::Draws, d.name.span);
        }
        if &*self.program.modules[module].path == "core.data" {
            found.insert(Effect::Reads, d.name.span);
        }
        found
    }

    fn of_body(&mut self, d: &FnDecl, body: &Block, module: ModuleId) -> Places {
        let mut walk = Body::of(d);
        walk_block(&mut walk, body);
        let mut found = walk.found;
        for (base, name, at) in walk.called {
            let id = match (
                &base,
                self.program
                    .lookup(module, base.as_deref().unwrap_or(&name)),
            ) {
                (None, Some(ScopeEntry::Global(id))) => Some(*id),
                (Some(_), Some(ScopeEntry::Module(m))) => self.index.own[*m].get(&*name).copied(),
                _ => None,
            };
            let Some(id) = id else { continue };
            let role = match &self.program.item(id).kind {
                ItemKind::Fn(d) => Some(d.role),
                _ => None,
            };
            for effect in self.of_global(id).into_keys() {
                // A proxy, a trainer and a search close over their draws and have a clock of their own.
                let closed = matches!(role, Some(Role::Proxy | Role::Trainer | Role::Search))
                    && matches!(effect, Effect::Draws | Effect::Clock);
                // What draws by itself is drawn with `~`, which was met already.
                let by_itself = role == Some(Role::Intrinsic) && effect == Effect::Draws;
                if !closed && !by_itself {
                    found.entry(effect).or_insert(at);
                }
            }
            if role == Some(Role::Trainer) {
                found.entry(Effect::Trains).or_insert(at);
            }
        }
        found
    }
}

/// What a body does by itself, and whom it calls.
#[derive(Default)]
pub(crate) struct Body {
    found: Places,
    /// Names that are not bound inside: the module that they are a member of, the name, the place.
    pub called: Vec<(Option<String>, String, Span)>,
    bound: BTreeSet<String>,
    clock_is_given: bool,
    later: usize,
    initial: usize,
}

impl Body {
    /// For a declaration's body, its parameters bound.
    pub fn of(d: &FnDecl) -> Body {
        let names = d.params.iter().flatten().map(|p| p.name.text.to_string());
        Body {
            bound: names.collect(),
            clock_is_given: d.clock.is_some(),
            ..Body::default()
        }
    }

    fn pattern(&mut self, p: &Pattern) {
        let mut names = vec![];
        pattern_names(p, &mut names);
        self.bound
            .extend(names.into_iter().map(|(n, _)| n.to_string()));
    }
}

impl Visit for Body {
    fn item(&mut self, item: &Item) {
        walk_item(self, item);
    }

    fn stmt(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Minimise { .. } => {
                self.found.entry(Effect::Trains).or_insert(s.span);
            }
            StmtKind::Let { pattern, value, .. } => {
                self.expr(value);
                self.pattern(pattern);
                return;
            }
            StmtKind::For { pattern, .. } => self.pattern(pattern),
            StmtKind::Draw { pattern, value } => {
                self.found.entry(Effect::Draws).or_insert(value.span);
                self.pattern(pattern);
            }
            StmtKind::Weights { name, .. } | StmtKind::Tap { name, .. } => {
                self.bound.insert(name.text.to_string());
            }
            StmtKind::OnChange {
                binder: Some(p), ..
            } => self.pattern(p),
            // An initialiser's draws belong to the weights.
            StmtKind::Param { drawn: true, .. } | StmtKind::State { drawn: true, .. } => {
                self.initial += 1;
                walk_stmt(self, s);
                self.initial -= 1;
                return;
            }
            _ => {}
        }
        walk_stmt(self, s);
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Draw(_) if self.initial == 0 => {
                self.found.entry(Effect::Draws).or_insert(e.span);
            }
            ExprKind::Name(n) if &*n.text == "now" => {
                if !self.clock_is_given && self.later == 0 && !self.bound.contains("now") {
                    self.found.entry(Effect::Clock).or_insert(e.span);
                }
            }
            ExprKind::Name(n) if !self.bound.contains(&*n.text) && self.initial == 0 => {
                self.called.push((None, n.text.to_string(), e.span));
            }
            ExprKind::Field { base, name } => {
                if let ExprKind::Name(n) = &base.kind
                    && !self.bound.contains(&*n.text)
                {
                    self.called
                        .push((Some(n.text.to_string()), name.text.to_string(), e.span));
                }
            }
            ExprKind::Rejected(_) => return,
            ExprKind::Lambda { params, .. } => {
                let around = self.bound.clone();
                for p in params.iter() {
                    self.bound.insert(p.name.text.to_string());
                    p.pattern.iter().for_each(|p| self.pattern(p));
                }
                self.later += 1;
                walk_expr(self, e);
                self.later -= 1;
                self.bound = around;
                return;
            }
            // What a comprehension binds is read in front of it.
            ExprKind::ListFor { clauses, .. }
            | ExprKind::Sequence { clauses, .. }
            | ExprKind::RecordFor { clauses, .. } => {
                let around = self.bound.clone();
                for c in clauses {
                    if let Clause::For { pattern, .. } = c {
                        self.pattern(pattern);
                    }
                }
                walk_expr(self, e);
                self.bound = around;
                return;
            }
            ExprKind::Repeat { binder, index, .. } => {
                let around = self.bound.clone();
                let binders = binder.iter().chain(index);
                binders.for_each(|p| self.pattern(p));
                walk_expr(self, e);
                self.bound = around;
                return;
            }
            _ => {}
        }
        walk_expr(self, e);
    }
}
