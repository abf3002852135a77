//! Rebuilds the crate when a file is added to the catalogue: the embedding macro itself notices changed files only.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=catalogue");
}
