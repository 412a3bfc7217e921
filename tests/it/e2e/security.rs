//! Tokens and trust: where tokens may be sent, their rotation, certificates.

mod admission_policies;
mod import_token;
mod metrics_access;
mod token_hosts;
mod token_leaks;
mod token_rotation;
mod trusted_certificates;
