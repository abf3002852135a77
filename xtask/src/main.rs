//! The developer's commands: test, tidy, bench.
fn main() {}
