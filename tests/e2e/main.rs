//! End to end: real programs, real servers, real clients, in the lab's network namespaces. Needs root.

mod lab;
