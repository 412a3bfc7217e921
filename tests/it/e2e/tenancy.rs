//! Tenants: who may use a connection, and who holds a project or a configuration.

mod access;
mod claims;
mod shared_resources;
