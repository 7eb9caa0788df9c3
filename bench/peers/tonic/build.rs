//! Generates the messages and the service from the descriptor set in DESCRIPTOR_SET, so that no protoc is needed.

use std::{env, error::Error};

fn main() -> Result<(), Box<dyn Error>> {
    let set = env::var("DESCRIPTOR_SET")?;
    println!("cargo::rerun-if-env-changed=DESCRIPTOR_SET");
    println!("cargo::rerun-if-changed={set}");
    tonic_prost_build::configure()
        .build_client(false)
        .generate_default_stubs(true)
        .file_descriptor_set_path(set)
        .skip_protoc_run()
        .compile_protos(&["duetkv/v1/key_value.proto"], &[])?;
    Ok(())
}
