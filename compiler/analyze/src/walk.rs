//! Visits every part of a tree once, in the order of the text.

use nas_grammar::ast::*;

/// Override what is of interest and call the `walk_…` of the same name to go on below it.
pub trait Visit {
    fn item(&mut self, item: &Item) {
        walk_item(self, item);
    }
    fn block(&mut self, block: &Block) {
        walk_block(self, block);
    }
    fn stmt(&mut self, stmt: &Stmt) {
        walk_stmt(self, stmt);
    }
    fn expr(&mut self, expr: &Expr) {
        walk_expr(self, expr);
    }
    fn ty(&mut self, _ty: &Type) {}
}

type V<'a, T> = &'a mut T;

pub fn walk_item<T: Visit + ?Sized>(v: V<T>, item: &Item) {
    match &item.kind {
        ItemKind::Use(_) => {}
        ItemKind::Let { ty, value, .. } => {
            ty.iter().for_each(|t| v.ty(t));
            v.expr(value);
        }
        ItemKind::Fn(d) => {
            d.params.iter().for_each(|list| walk_params(v, list));
            d.result.iter().for_each(|t| v.ty(t));
            d.requires.iter().for_each(|e| v.expr(e));
            d.body.iter().for_each(|b| v.block(b));
        }
        ItemKind::Space(d) => {
            walk_params(v, &d.params);
            v.block(&d.body);
        }
        ItemKind::Enlarge(d) => {
            walk_params(v, &d.params);
            for m in &d.moves {
                m.over.iter().for_each(|(_, e)| v.expr(e));
                m.edits.iter().for_each(|e| walk_edit(v, e));
            }
            d.raises.iter().for_each(|e| v.expr(e));
        }
        ItemKind::Table(d) => {
            walk_params(v, &d.params);
            v.expr(&d.space);
            v.expr(&d.source);
            for column in &d.columns {
                column.ty.iter().for_each(|t| v.ty(t));
                column.derived.iter().for_each(|e| v.expr(e));
            }
            d.modulo.iter().for_each(|e| v.expr(e));
        }
        ItemKind::Rewrite(d) => {
            for rule in &d.rules {
                v.expr(&rule.left);
                v.expr(&rule.right);
                rule.when.iter().for_each(|e| v.expr(e));
            }
        }
        ItemKind::Pipeline(d) => {
            walk_params(v, &d.params);
            v.block(&d.body);
        }
        ItemKind::Test(d) => v.block(&d.body),
        ItemKind::Type { ty, .. } => v.ty(ty),
    }
}

pub fn walk_params<T: Visit + ?Sized>(v: V<T>, params: &[Param]) {
    for param in params {
        param.ty.iter().for_each(|t| v.ty(t));
        param.default.iter().for_each(|e| v.expr(e));
    }
}

fn walk_net<T: Visit + ?Sized>(v: V<T>, net: &NetDecl) {
    walk_params(v, &net.params);
    net.result.iter().for_each(|t| v.ty(t));
    v.block(&net.body);
}

pub fn walk_block<T: Visit + ?Sized>(v: V<T>, block: &Block) {
    block.stmts.iter().for_each(|s| v.stmt(s));
    block.value.iter().for_each(|e| v.expr(e));
}

pub fn walk_stmt<T: Visit + ?Sized>(v: V<T>, stmt: &Stmt) {
    match &stmt.kind {
        StmtKind::Item(item) => v.item(item),
        StmtKind::Let { ty, value, .. } => {
            ty.iter().for_each(|t| v.ty(t));
            v.expr(value);
        }
        StmtKind::Draw { value, .. }
        | StmtKind::Tap { value, .. }
        | StmtKind::Weights { value, .. } => v.expr(value),
        StmtKind::Param { ty, init, .. } | StmtKind::State { ty, init, .. } => {
            ty.iter().for_each(|t| v.ty(t));
            init.iter().for_each(|e| v.expr(e));
        }
        StmtKind::Assign { place, value } => {
            v.expr(place);
            v.expr(value);
        }
        StmtKind::Minimise { loss, over, by } => {
            v.expr(loss);
            v.expr(over);
            by.iter().for_each(|e| v.expr(e));
        }
        StmtKind::Keep { value, every } => {
            v.expr(value);
            every.iter().for_each(|e| v.expr(e));
        }
        StmtKind::Record { fields } => fields.iter().for_each(|(_, e)| v.expr(e)),
        StmtKind::OnChange { setting, body, .. } => {
            v.expr(setting);
            v.block(body);
        }
        StmtKind::For {
            iterable,
            condition,
            body,
            ..
        } => {
            v.expr(iterable);
            condition.iter().for_each(|e| v.expr(e));
            v.block(body);
        }
        StmtKind::Expect(e) | StmtKind::Value(e) | StmtKind::Expr(e) => v.expr(e),
        StmtKind::Report(args) => args.iter().for_each(|a| v.expr(&a.value)),
        StmtKind::Budget(es) | StmtKind::Where(es) => es.iter().for_each(|e| v.expr(e)),
        StmtKind::Check { condition, message } => {
            v.expr(condition);
            v.expr(message);
        }
        StmtKind::Encoding(_) | StmtKind::Monotone(_) => {}
        StmtKind::Net(net) => walk_net(v, net),
        StmtKind::Match {
            from,
            to,
            with,
            weight,
        } => {
            v.expr(from);
            v.expr(to);
            v.expr(with);
            weight.iter().for_each(|e| v.expr(e));
        }
        StmtKind::Label { loss, weight } => {
            v.expr(loss);
            weight.iter().for_each(|e| v.expr(e));
        }
        StmtKind::Phase { at, settings } => {
            v.expr(at);
            walk_fields(v, settings);
        }
    }
}

fn walk_fields<T: Visit + ?Sized>(v: V<T>, fields: &[Field]) {
    for field in fields {
        match field {
            Field::Named { value, .. } | Field::Spread(value) => v.expr(value),
            Field::Short(_) => {}
            Field::Computed { key, value } => {
                v.expr(key);
                v.expr(value);
            }
        }
    }
}

pub fn walk_edit<T: Visit + ?Sized>(v: V<T>, entry: &WithEntry) {
    match &entry.target {
        WithTarget::Path(e) | WithTarget::Spread { value: e, .. } => v.expr(e),
    }
    entry.within.iter().for_each(|e| v.expr(e));
    v.expr(&entry.value);
}

fn walk_index<T: Visit + ?Sized>(v: V<T>, args: &[IndexArg]) {
    for arg in args {
        match arg {
            IndexArg::At(e) | IndexArg::Named(_, e) | IndexArg::Spread(e) => v.expr(e),
            IndexArg::All(_) | IndexArg::Last(_) => {}
        }
    }
}

fn walk_clauses<T: Visit + ?Sized>(v: V<T>, clauses: &[Clause]) {
    for clause in clauses {
        match clause {
            Clause::For { iterable: e, .. } | Clause::If(e) => v.expr(e),
        }
    }
}

pub fn walk_expr<T: Visit + ?Sized>(v: V<T>, expr: &Expr) {
    use ExprKind as E;
    match &expr.kind {
        E::Number(_) | E::Text(_) | E::Bool(_) | E::None | E::Name(_) | E::Hole | E::It => {}
        E::TapTarget(_) | E::Error => {}
        E::Field { base, .. } | E::TupleField { base, .. } => v.expr(base),
        E::Call {
            callee,
            args,
            trailing,
        } => {
            v.expr(callee);
            args.iter().for_each(|a| v.expr(&a.value));
            trailing.iter().for_each(|b| v.block(b));
        }
        E::Index { base, args } => {
            v.expr(base);
            walk_index(v, args);
        }
        E::Lambda { params, body } => {
            walk_params(v, params);
            v.expr(body);
        }
        E::Pipe { value, target } => {
            v.expr(value);
            v.expr(target);
        }
        E::Unary { value, .. } | E::Draw(value) | E::AtMode { value, .. } => v.expr(value),
        E::As { value, ty } => {
            v.expr(value);
            v.ty(ty);
        }
        E::Binary { left, right, .. } => {
            v.expr(left);
            v.expr(right);
        }
        E::Range {
            low, high, step, ..
        } => [low, high, step]
            .into_iter()
            .flatten()
            .for_each(|e| v.expr(e)),
        E::If {
            condition,
            then,
            otherwise,
        } => {
            v.expr(condition);
            v.block(then);
            otherwise.iter().for_each(|e| v.expr(e));
        }
        E::Block(block) | E::Rejected(block) => v.block(block),
        E::Tuple(items) => items.iter().for_each(|e| v.expr(e)),
        E::List(items) => items.iter().for_each(|item| match item {
            ListItem::Item(e) | ListItem::Spread(e) => v.expr(e),
        }),
        E::Fill { value, count } => {
            v.expr(value);
            v.expr(count);
        }
        E::ListFor { body, clauses } | E::Sequence { body, clauses } => {
            walk_clauses(v, clauses);
            v.expr(body);
        }
        E::Record(fields) => walk_fields(v, fields),
        E::RecordFor {
            key,
            value,
            clauses,
        } => {
            walk_clauses(v, clauses);
            v.expr(key);
            v.expr(value);
        }
        E::Choose { count, options, .. } => {
            count.iter().for_each(|e| v.expr(e));
            v.expr(options);
        }
        E::Repeat {
            over,
            condition,
            body,
            ..
        } => {
            v.expr(over);
            condition.iter().for_each(|e| v.expr(e));
            v.block(body);
        }
        E::Modes { train, infer } => [train, infer]
            .into_iter()
            .flatten()
            .for_each(|b| v.block(b)),
        E::AtValue { value, at, .. } => {
            v.expr(value);
            v.expr(at);
        }
        E::With { base, entries } => {
            v.expr(base);
            entries.iter().for_each(|e| walk_edit(v, e));
        }
        E::Where { value, conditions } => {
            v.expr(value);
            conditions.iter().for_each(|e| v.expr(e));
        }
        E::DrawWhere {
            value,
            condition,
            within,
            otherwise,
        } => {
            v.expr(value);
            v.expr(condition);
            [within, otherwise]
                .into_iter()
                .flatten()
                .for_each(|e| v.expr(e));
        }
        E::Modulo {
            value,
            rules: other,
        }
        | E::Else {
            value,
            otherwise: other,
        }
        | E::Is {
            value,
            option: other,
            ..
        }
        | E::In {
            value,
            collection: other,
            ..
        }
        | E::Of {
            value, of: other, ..
        }
        | E::Arrow {
            from: value,
            to: other,
        } => {
            v.expr(value);
            v.expr(other);
        }
        E::Within {
            value,
            tolerance,
            of,
        } => {
            v.expr(value);
            v.expr(tolerance);
            of.iter().for_each(|e| v.expr(e));
        }
        E::Net(net) => walk_net(v, net),
    }
}
