//! The Nas standard library, embedded as text.
