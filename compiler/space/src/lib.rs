//! The algebra of choices: count, sample, encode, mutate, cost distributions.
