//! Tokens and trust: where tokens may be sent, their rotation, certificates.

mod import_token;
mod token_hosts;
mod token_leaks;
mod token_rotation;
mod trusted_certificates;
