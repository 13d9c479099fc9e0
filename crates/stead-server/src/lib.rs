//! The HTTP face of the registry, in Consul's shapes.
