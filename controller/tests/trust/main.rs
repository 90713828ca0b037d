//! Trust, over real TLS on the loopback: who gets in, who is kept out, and who is cut off.

mod access;
mod enrolment;
mod founding;
mod house;
mod late;
mod revocation;
#[path = "../whole/mod.rs"]
mod whole;
