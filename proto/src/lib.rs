//! The wire: what clients, agents and the disk see of Freehold, and how that turns into core's types
//! and back.
//!
//! Every noun has two forms, the core type and the frozen message, and one file here that converts
//! between them. Parsing happens once, at this border: past it, values cannot be wrong.
//!
//! - [`v1`]: the API; [`sync`]: controller ↔ agent; [`stored`]: what lies on the controller's disk
//! - [`access`]: who may call which method, as the .proto files declare it
//! - [`convert`]: a file a noun
//! - [`bundle`]: desired state as canonical bytes
//! - [`codec`]: how the services write and read messages

pub mod access;
pub mod bundle;
pub mod codec;
pub mod convert;

/// `freehold.v1`: the API.
pub use generated::freehold::v1;

/// `freehold.sync.v1`: controller ↔ agent.
pub use generated::freehold::sync::v1 as sync;

/// `freehold.stored.v1`: what lies on the controller's disk.
pub use generated::freehold::stored::v1 as stored;

/// Generated code, nested as the packages are: it names its neighbours by their relative paths.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::let_underscore_must_use)]
mod generated {
    pub mod freehold {
        pub mod v1 {
            tonic::include_proto!("freehold.v1");
        }
        pub mod sync {
            pub mod v1 {
                tonic::include_proto!("freehold.sync.v1");
            }
        }
        pub mod stored {
            pub mod v1 {
                tonic::include_proto!("freehold.stored.v1");
            }
        }
    }
}

/// The compiled .proto files, comments included, for reflection and for JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
