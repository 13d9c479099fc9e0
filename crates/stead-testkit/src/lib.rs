//! Fixtures for tests: real programs, free ports, conditions with a deadline.
