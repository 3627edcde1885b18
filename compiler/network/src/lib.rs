//! One network graph made ready to run: differentiate, lean, place.
