//! Tells Cargo that the binary holds the migrations: of the directory it would not know otherwise.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
