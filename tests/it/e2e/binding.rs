//! Bindings: import, binding, adoption, drift, and what is known about a project.

mod blocked;
mod bulk_import;
mod competing_writer;
mod concurrent_changes;
mod decoration;
mod defaults;
mod drift;
mod existing_projects;
mod first_binding;
mod generated_keys;
mod import_confirmation;
mod import_only;
mod private_projects;
mod refused_import;
mod status_record;
