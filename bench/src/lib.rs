//! What the benchmark's programs share: bodies, just enough HTTP/1.1 to cost little, samples, and what the kernel
//! says of a process.

pub mod arguments;
pub mod bodies;
pub mod processes;
pub mod samples;
pub mod wire;
