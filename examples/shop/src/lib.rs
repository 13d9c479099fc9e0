//! A small shop.
