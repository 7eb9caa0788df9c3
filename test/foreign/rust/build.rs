//! Generates the client from the contract. The imports of google/api come with the project's npm packages.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::env::set_var("PROTOC", protoc_bin_vendored::protoc_bin_path()?);
    tonic_prost_build::configure()
        .build_server(false)
        .compile_protos(
            &["../../../proto/duetkv/v1/key_value.proto"],
            &["../../../proto", "../../../node_modules/google-proto-files"],
        )?;
    Ok(())
}
