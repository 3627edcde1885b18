//! Content-addressed artefacts, journal and run folders that survive any interruption.
