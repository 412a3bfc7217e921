//! `bindery crds`.

use crate::crd;

/// The definitions of all kinds as one YAML stream, as `kubectl apply --server-side --filename -` reads it.
///
/// # Errors
/// When a type does not translate to YAML.
pub fn definitions() -> Result<String, serde_saphyr::SerializeError> {
    let documents = crd::definitions();
    let documents = documents.iter().map(serde_saphyr::to_string);
    documents
        .map(|document| Ok(format!("---\n{}", document?)))
        .collect()
}
