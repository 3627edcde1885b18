//! Functions that take records of any kind, by the records that they are given: a field that these have not is missing in the body.

use super::fits::{Clash, certain, clash};
use super::ty::{Decl, Ty};
use super::{DEEPEST, Types};
use nas_grammar::ast::{Arg, ExprKind, IndexArg, Role, Type, TypeKind};

/// A type that says "a record", or a list of such, and nothing of its fields.
pub(super) fn record(ty: Option<&Type>) -> bool {
    match ty.map(|t| &t.kind) {
        Some(TypeKind::Name { name, .. }) => &*name.text == "Record",
        Some(TypeKind::List { of, .. } | TypeKind::Optional(of)) => record(Some(of)),
        // `[Record]` is read like a shape.
        Some(TypeKind::Tensor { shape, of: None }) => matches!(&shape[..],
            [IndexArg::At(e)] if matches!(&e.kind, ExprKind::Name(n) if &*n.text == "Record")),
        _ => false,
    }
}

/// Whether the fields of a record, or of a list of records, are known.
fn known(ty: &Ty) -> bool {
    match ty.met() {
        Ty::Record(_) => true,
        Ty::List(t) => known(t),
        _ => false,
    }
}

impl Types<'_> {
    /// E0202 in the body of a function for what it is called with, and what it then gives; `None` where nothing more is known than
    /// its declaration says.
    pub(super) fn special(
        &mut self,
        d: &Decl,
        args: &[Arg],
        given: &[Ty],
        piped: Option<&Ty>,
    ) -> Option<Ty> {
        let decl = d.decl.clone();
        let body = decl.body.as_ref()?;
        let [params] = &decl.params[..] else {
            return None;
        };
        let asks = params.iter().any(|p| record(p.ty.as_ref()));
        if decl.role != Role::Fn || !asks || args.iter().any(|a| a.spread) {
            return None;
        }
        let mut types: Vec<Option<Ty>> = vec![None; params.len()];
        let mut place = 0;
        if let (Some(ty), Some(first)) = (piped, types.first_mut()) {
            *first = Some(ty.clone());
            place = 1;
        }
        for (a, ty) in args.iter().zip(given) {
            let at = match &a.name {
                Some(n) => params.iter().position(|p| p.name.text == n.text),
                None => {
                    place += 1;
                    Some(place - 1)
                }
            };
            if let Some(slot) = at.and_then(|i| types.get_mut(i)) {
                *slot = Some(ty.clone());
            }
        }
        let told = |i: usize| record(params[i].ty.as_ref()) && types[i].as_ref().is_some_and(known);
        if !(0..params.len()).any(told) || self.depth >= DEEPEST {
            return None;
        }
        let key = format!("{:p} {types:?}", std::sync::Arc::as_ptr(&decl));
        if let Some(ty) = self.special.get(&key) {
            return Some(ty.clone());
        }
        // A circle is an error elsewhere.
        self.special.insert(key.clone(), Ty::Any);
        self.depth += 1;
        let around = std::mem::take(&mut self.locals);
        let home = std::mem::replace(&mut self.module, d.module);
        let (found, names) = (self.out.diagnostics.len(), self.out.names.len());
        let ty = self.scoped(|t| {
            t.quietly(|t| t.params(params));
            for (p, ty) in params.iter().zip(&types) {
                if let (true, Some(ty)) = (record(p.ty.as_ref()), ty) {
                    t.bind(&p.name.text, ty.clone());
                }
            }
            t.block(body)
        });
        // What is said of the body whatever it is given was said before; the library is right.
        let own = self.program.modules.get(d.module).is_some_and(|m| !m.std);
        let library = self
            .program
            .modules
            .get(self.program.entry)
            .is_some_and(|m| m.std);
        let mut at = 0;
        self.out.diagnostics.retain(|f| {
            at += 1;
            at <= found || (own || library) && f.code == "E0202"
        });
        self.out.names.truncate(names);
        self.module = home;
        self.locals = around;
        self.depth -= 1;
        self.special.insert(key, ty.clone());
        Some(ty)
    }
}

/// `Tensor` takes numbers and lists of them as well, and nothing that is neither.
pub(super) fn no_tensor(written: &Type, given: &Ty) -> Option<Clash> {
    let of_tensors =
        matches!(&written.kind, TypeKind::Name { name, .. } if &*name.text == "Tensor");
    match given.met() {
        Ty::Text if of_tensors => clash("E0301", "a tensor"),
        Ty::Named(n) if of_tensors && certain(n) && &**n != "Space" && &**n != "Weights" => {
            clash("E0301", "a tensor")
        }
        _ => None,
    }
}
