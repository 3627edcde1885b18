//! Checked program to reviewable plan.
