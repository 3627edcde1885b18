//! Members that are graphs, up to isomorphism: acyclic, one entry, one exit, labels on the vertices between.
//!
//! A vertex that lies on no path from the entry to the exit does not count. Classes are counted without going through
//! labels: one graph a class of unlabelled ones, and its labellings by Burnside's lemma over its automorphisms.

use std::collections::{HashMap, HashSet};

use num_bigint::BigUint;
use num_traits::Zero;

use crate::model::{Arch, Condition, Cost, Model, SiteId, Table, Window};
use crate::space::Space;

/// Vertices that a graph may have.
const VERTICES: usize = 12;

/// How a member is read as a graph. Vertex 0 is the entry, the last one the exit; edges go from lower to higher.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GraphShape {
    /// The number of vertices, entry and exit included.
    pub vertices: usize,
    /// From, to, and the site that decides with which options there is an edge.
    pub edges: Vec<(usize, usize, SiteId, Vec<bool>)>,
    /// Edges that every member has.
    pub fixed: Vec<(usize, usize)>,
    /// For each vertex between: the site that labels it, and the label of each option.
    pub labels: Vec<(usize, SiteId, Vec<u32>)>,
}

/// Rows of successors, in vertex order.
type Rows = [u16; VERTICES];

/// Classes of isomorphic graphs; made by [`GraphShape::classes`].
pub struct GraphClasses {
    /// The number of classes.
    pub count: BigUint,
    graphs: Vec<Graph>,
    labels: Vec<u32>,
}

struct Graph {
    /// A member with this graph, and which vertex of it stands at which place.
    arch: Arch,
    vertices: Vec<usize>,
    /// Permutations of places that keep the edges.
    automorphisms: Vec<Vec<usize>>,
}

impl GraphShape {
    /// Whether the graph can be handled at all.
    pub fn fits(&self) -> bool {
        (2..=VERTICES).contains(&self.vertices)
    }

    fn rows(&self, arch: &Arch) -> Rows {
        let mut rows = [0u16; VERTICES];
        for (from, to) in &self.fixed {
            rows[*from] |= 1 << to;
        }
        for (from, to, site, on) in &self.edges {
            let option = arch.0.get(*site).copied().flatten();
            if option.is_some_and(|o| on.get(o) == Some(&true)) {
                rows[*from] |= 1 << to;
            }
        }
        rows
    }

    /// The vertices on a path from entry to exit, as bits; none where there is no path.
    fn alive(&self, rows: &Rows) -> u16 {
        let n = self.vertices;
        let (mut from, mut to) = (1u16, 1u16 << (n - 1));
        for v in 0..n {
            if from >> v & 1 == 1 {
                from |= rows[v];
            }
        }
        for v in (0..n).rev() {
            if rows[v] & to != 0 {
                to |= 1 << v;
            }
        }
        let both = from & to;
        if both & 1 == 1 && both >> (n - 1) & 1 == 1 {
            both
        } else {
            0
        }
    }

    /// The same bytes for members with isomorphic graphs and only for these; `None` where the exit is not reached.
    pub fn key(&self, arch: &Arch) -> Option<Vec<u8>> {
        let rows = self.rows(arch);
        let (rows, vertices) = pruned(&rows, self.alive(&rows))?;
        let mut labels = vec![0u32; vertices.len()];
        for (v, site, names) in &self.labels {
            if let Some(at) = vertices.iter().position(|x| x == v) {
                let option = arch.0.get(*site).copied().flatten().unwrap_or(0);
                labels[at] = 1 + names.get(option).copied().unwrap_or(0);
            }
        }
        let (best, order, _) = canonical(&rows, &labels);
        let mut out = vec![vertices.len() as u8];
        best[..vertices.len()]
            .iter()
            .for_each(|r| out.extend(r.to_le_bytes()));
        order
            .iter()
            .for_each(|v| out.extend(labels[*v].to_le_bytes()));
        Some(out)
    }

    /// All classes, where labels are free of every condition and vertices share one set of labels; `None` elsewhere,
    /// and where there are more than `limit` feasible sets of edges.
    pub fn classes(&self, space: &Space, limit: u64) -> Option<GraphClasses> {
        let labels = self.common_labels(space.model())?;
        let edges = self.edge_space(space)?;
        let mut seen: HashSet<(u8, Rows)> = HashSet::new();
        let mut graphs: HashMap<(u8, Rows), usize> = HashMap::new();
        let mut out = GraphClasses {
            count: BigUint::zero(),
            graphs: Vec::new(),
            labels,
        };
        let mut whole = Arch(vec![Some(0); space.model().sites.len()]);
        for (number, part) in (1u64..).zip(edges.enumerate()) {
            if number > limit {
                return None;
            }
            for ((_, _, site, _), option) in self.edges.iter().zip(&part.0) {
                whole.0[*site] = *option;
            }
            let rows = self.rows(&whole);
            let Some((rows, vertices)) = pruned(&rows, self.alive(&rows)) else {
                continue;
            };
            let size = vertices.len() as u8;
            if !seen.insert((size, rows)) {
                continue;
            }
            let (best, order, automorphisms) = canonical(&rows, &vec![0; vertices.len()]);
            let next = out.graphs.len();
            if *graphs.entry((size, best)).or_insert(next) != next {
                continue;
            }
            out.count += labellings(&automorphisms, out.labels.len());
            out.graphs.push(Graph {
                arch: whole.clone(),
                vertices: order.iter().map(|p| vertices[*p]).collect(),
                automorphisms,
            });
        }
        Some(out)
    }

    /// The labels, where each vertex between has the same ones.
    fn common_labels(&self, model: &Model) -> Option<Vec<u32>> {
        let sets = self.labels.iter().map(|(_, site, names)| {
            let whole = model.sites.get(*site)?.labels.len() == names.len();
            let mut set = names.clone();
            set.sort_unstable();
            set.dedup();
            whole.then_some(set)
        });
        let sets: Option<Vec<Vec<u32>>> = sets.collect();
        let sets = sets?;
        let inner: Vec<usize> = self.labels.iter().map(|l| l.0).collect();
        let between = 1..self.vertices.saturating_sub(1);
        if inner.is_empty() {
            return Some(vec![0]);
        }
        let all = between.clone().all(|v| inner.contains(&v)) && inner.len() == between.len();
        let mut sites: Vec<SiteId> = self.labels.iter().map(|l| l.1).collect();
        sites.sort_unstable();
        sites.dedup();
        let apart = sites.len() == self.labels.len();
        (all && apart && sets.windows(2).all(|w| w[0] == w[1])).then(|| sets[0].clone())
    }

    /// The space of the edges alone: `None` where a condition reads anything else, or another choice is open.
    fn edge_space(&self, space: &Space) -> Option<Space> {
        let model = space.model();
        let place: HashMap<SiteId, usize> = self
            .edges
            .iter()
            .enumerate()
            .map(|(i, e)| (e.2, i))
            .collect();
        let labelled: HashSet<SiteId> = self.labels.iter().map(|l| l.1).collect();
        if place.len() != self.edges.len() || !model.either.is_empty() {
            return None;
        }
        for (id, s) in model.sites.iter().enumerate() {
            let known = place.contains_key(&id) || labelled.contains(&id) || s.labels.len() == 1;
            if !known || s.exists != Condition::Always {
                return None;
            }
        }
        let moved = |sites: &[SiteId]| {
            sites
                .iter()
                .map(|s| place.get(s).copied())
                .collect::<Option<Vec<_>>>()
        };
        let mut part = Model::default();
        for e in &self.edges {
            part.sites.push(model.sites[e.2].clone());
        }
        for t in &model.structure {
            part.structure.push(Table {
                sites: moved(&t.sites)?,
                values: t.values.clone(),
            });
        }
        for t in &model.predicates {
            part.predicates.push(Table {
                sites: moved(&t.sites)?,
                values: t.values.clone(),
            });
        }
        for w in &model.windows {
            let cost = model.costs.get(&w.cost)?;
            let mut terms = Vec::new();
            for t in &cost.terms {
                terms.push(Table {
                    sites: moved(&t.sites)?,
                    values: t.values.clone(),
                });
            }
            part.costs.insert(w.cost.clone(), Cost { terms });
            part.windows.push(Window { ..w.clone() });
        }
        Space::new(part).ok()
    }
}

impl GraphClasses {
    /// One member of each class.
    pub fn members(&self, shape: &GraphShape) -> Vec<Arch> {
        let mut out = Vec::new();
        for g in &self.graphs {
            let inner = g.vertices.len() - 2;
            // Places 0 and last are entry and exit, whatever the canonical order: they are found by vertex.
            let between: Vec<usize> = (0..g.vertices.len())
                .filter(|p| g.vertices[*p] != 0 && g.vertices[*p] != shape.vertices - 1)
                .collect();
            let mut now = vec![0usize; inner];
            loop {
                let mut at = vec![usize::MAX; g.vertices.len()];
                between.iter().zip(&now).for_each(|(p, l)| at[*p] = *l);
                let least = g
                    .automorphisms
                    .iter()
                    .all(|a| at.iter().cmp(a.iter().map(|p| &at[*p])).is_le());
                if least {
                    out.push(self.labelled(shape, g, &between, &now));
                }
                // The next labelling, as an odometer.
                let Some(k) = (0..inner).rev().find(|k| now[*k] + 1 < self.labels.len()) else {
                    break;
                };
                now[k] += 1;
                now[k + 1..].fill(0);
            }
        }
        out
    }

    fn labelled(&self, shape: &GraphShape, g: &Graph, between: &[usize], now: &[usize]) -> Arch {
        let mut arch = g.arch.clone();
        for (p, l) in between.iter().zip(now) {
            let found = shape.labels.iter().find(|x| x.0 == g.vertices[*p]);
            if let Some((_, site, names)) = found {
                arch.0[*site] = names.iter().position(|n| *n == self.labels[*l]);
            }
        }
        arch
    }
}

/// The graph of the living vertices alone, and which they are.
fn pruned(rows: &Rows, alive: u16) -> Option<(Rows, Vec<usize>)> {
    if alive == 0 {
        return None;
    }
    let vertices: Vec<usize> = (0..VERTICES).filter(|v| alive >> v & 1 == 1).collect();
    let mut out = [0u16; VERTICES];
    for (i, v) in vertices.iter().enumerate() {
        for (j, w) in vertices.iter().enumerate() {
            out[i] |= (rows[*v] >> w & 1) << j;
        }
    }
    Some((out, vertices))
}

/// Least rows over all orders of the vertices that keep their colours apart, the order that gives them, and the
/// permutations of places that leave them as they are.
fn canonical(rows: &Rows, labels: &[u32]) -> (Rows, Vec<usize>, Vec<Vec<usize>>) {
    let n = labels.len();
    let colours = refined(rows, labels);
    let mut places: Vec<usize> = (0..n).collect();
    places.sort_by_key(|v| colours[*v]);
    let mut best: Option<Rows> = None;
    let mut orders: Vec<Vec<usize>> = Vec::new();
    permute(&mut places, 0, &colours, &mut |order| {
        let mut out = [0u16; VERTICES];
        for (i, v) in order.iter().enumerate() {
            for (j, w) in order.iter().enumerate() {
                out[i] |= (rows[*v] >> w & 1) << j;
            }
        }
        match best {
            Some(b) if b < out => {}
            Some(b) if b == out => orders.push(order.to_vec()),
            _ => {
                best = Some(out);
                orders = vec![order.to_vec()];
            }
        }
    });
    let first = orders.first().cloned().unwrap_or_default();
    // Two orders with the same rows differ by an automorphism.
    let automorphisms = orders
        .iter()
        .map(|o| {
            o.iter()
                .map(|v| first.iter().position(|x| x == v).unwrap_or(0))
                .collect()
        })
        .collect();
    (best.unwrap_or([0; VERTICES]), first, automorphisms)
}

/// Colours that isomorphisms keep: label and degrees, then those of the neighbours, until nothing splits further.
fn refined(rows: &Rows, labels: &[u32]) -> Vec<usize> {
    let n = labels.len();
    let after = |v: usize| (0..n).filter(move |w| rows[v] >> w & 1 == 1);
    let before = |v: usize| (0..n).filter(move |w| rows[*w] >> v & 1 == 1);
    let rank = |keys: Vec<(usize, Vec<usize>, Vec<usize>)>| {
        let mut sorted = keys.clone();
        sorted.sort();
        sorted.dedup();
        let place = |k| sorted.binary_search(k).unwrap_or(0);
        let ranks: Vec<usize> = keys.iter().map(place).collect();
        (ranks, sorted.len())
    };
    let first = |v: usize| {
        let degrees = vec![before(v).count(), after(v).count()];
        (labels[v] as usize, degrees, Vec::new())
    };
    let (mut colours, mut count) = rank((0..n).map(first).collect());
    loop {
        let around = |it: &mut dyn Iterator<Item = usize>| {
            let mut c: Vec<usize> = it.map(|w| colours[w]).collect();
            c.sort_unstable();
            c
        };
        let keys = (0..n).map(|v| (colours[v], around(&mut before(v)), around(&mut after(v))));
        let (next, more) = rank(keys.collect());
        colours = next;
        if more == count {
            return colours;
        }
        count = more;
    }
}

/// Every order that permutes only within runs of one colour.
fn permute(places: &mut Vec<usize>, at: usize, colours: &[usize], each: &mut dyn FnMut(&[usize])) {
    if at == places.len() {
        return each(places);
    }
    for k in at..places.len() {
        if colours[places[k]] != colours[places[at]] {
            break;
        }
        places.swap(at, k);
        permute(places, at + 1, colours, each);
        places.swap(at, k);
    }
}

/// Labellings of the inner vertices up to automorphisms: the mean over these of labels to the power of cycles.
fn labellings(automorphisms: &[Vec<usize>], labels: usize) -> BigUint {
    let mut sum = BigUint::zero();
    for a in automorphisms {
        let mut met = vec![false; a.len()];
        let mut cycles = 0u32;
        for start in 0..a.len() {
            if !met[start] {
                cycles += 1;
                let mut v = start;
                while !met[v] {
                    met[v] = true;
                    v = a[v];
                }
            }
        }
        // Entry and exit are fixed by every automorphism and carry no label.
        sum += BigUint::from(labels).pow(cycles.saturating_sub(2));
    }
    sum / BigUint::from(automorphisms.len().max(1))
}
