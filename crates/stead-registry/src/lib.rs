//! Catalogue, health and key-value state over a store, with watches.
