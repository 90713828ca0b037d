//! Who may call which method. The .proto files say it; nothing else does.

use freehold_core::access::Permission;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Operators who hold the permission.
    With(Permission),
    /// Any operator, whatever its roles.
    AnyOperator,
    /// Enrolled agents.
    Agent,
    /// Anybody, without a certificate.
    Anyone,
}

/// Every method of every Freehold service with who may call it, in the order of the paths.
pub const METHODS: &[(&str, Caller)] = include!(concat!(env!("OUT_DIR"), "/callers.rs"));

/// Who may call the method at `path` (`/freehold.v1.ScopeService/GetScope`); `None` if there is no such method.
pub fn caller_of(path: &str) -> Option<Caller> {
    METHODS.binary_search_by_key(&path, |(known, _)| known).ok().map(|at| METHODS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_and_nothing_else() {
        for (path, caller) in METHODS {
            assert_eq!(caller_of(path), Some(*caller));
        }
        assert_eq!(caller_of("/freehold.v1.ScopeService/NoSuch"), None);
    }

    #[test]
    fn reading_needs_a_read_permission_and_changing_a_write_permission() {
        for (path, caller) in METHODS {
            if let Caller::With(permission) = caller {
                let method = path.rsplit('/').next().unwrap_or_default();
                let reads = ["Get", "List", "Find", "Watch", "Wait", "Search", "Who"]
                    .iter()
                    .any(|verb| method.starts_with(verb));
                assert_eq!(!permission.as_str().ends_with(".write"), reads, "{path} needs {permission}");
            }
        }
    }
}
