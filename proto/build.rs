//! Turns the .proto files into Rust: messages and services, the descriptor set for reflection, and
//! the table of who may call what, read from the methods' options.

use prost_reflect::{DescriptorPool, Value};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDERS: &[&str] = &["freehold/v1", "freehold/sync/v1", "freehold/stored/v1"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=freehold");
    let files = proto_files()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("callers.rs"), callers(&compiler.descriptor_pool())?)?;

    // A map is written in one order only: the fingerprint of a repeated request is taken of its bytes.
    tonic_prost_build::configure()
        .btree_map(".")
        .codec_path("crate::codec::SliceCodec")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn proto_files() -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(Path::new(folder))? {
            files.push(entry?.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The table `(path, caller)`, in the order of the paths. A method that says nothing about its caller does not build.
fn callers(pool: &DescriptorPool) -> Result<String, Box<dyn std::error::Error>> {
    let permission = pool.get_extension_by_name("freehold.v1.permission").ok_or("no option freehold.v1.permission")?;
    let caller = pool.get_extension_by_name("freehold.v1.caller").ok_or("no option freehold.v1.caller")?;
    let mut rows = Vec::new();
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let options = method.options();
        let needed = match (options.get_extension(&permission).as_ref(), options.get_extension(&caller).as_ref()) {
            (Value::String(name), Value::EnumNumber(0)) if !name.is_empty() => {
                format!("Caller::With(Permission::{})", variant(name))
            }
            (Value::String(name), Value::EnumNumber(1)) if name.is_empty() => "Caller::AnyOperator".to_owned(),
            (Value::String(name), Value::EnumNumber(2)) if name.is_empty() => "Caller::Agent".to_owned(),
            (Value::String(name), Value::EnumNumber(3)) if name.is_empty() => "Caller::Anyone".to_owned(),
            _ => return Err(format!("{path} must say who may call it: a permission or a caller").into()),
        };
        rows.push((path, needed));
    }
    rows.sort();
    let mut table = String::from("&[\n");
    for (path, needed) in rows {
        writeln!(table, "    ({path:?}, {needed}),")?;
    }
    table.push(']');
    Ok(table)
}

/// `scopes.write` → `ScopesWrite`, the variant of core's `Permission`; a name that core lacks does not build.
fn variant(permission: &str) -> String {
    permission
        .split('.')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_uppercase() + rest
        })
        .collect()
}
