//! The table of fields is whole: each field of the schema has a row, and the guide lists what does not end as a fresh
//! object does. `e2e::fields` tries each row.

use std::collections::BTreeSet;

use bindery::crd;
use serde_json::Value;

use crate::e2e::fields::table::{BINDING, CONNECTION, Ends, Row, SET};
use crate::support::tree;

/// The kinds, with their rows and the page that lists the exceptions.
const KINDS: [(&str, &[Row], &str); 3] = [
    ("ProjectBinding", BINDING, "docs/guide/binding.md"),
    (
        "BitbucketConnection",
        CONNECTION,
        "docs/guide/connection.md",
    ),
    ("ProjectBindingSet", SET, "docs/guide/set.md"),
];

/// The fields of a spec that hold a value.
fn fields(kind: &str) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let definitions = crd::definitions().into_iter();
    for definition in definitions.filter(|it| it.spec.names.kind == kind) {
        for version in definition.spec.versions {
            let schema = version.schema.unwrap().open_api_v3_schema.unwrap();
            let schema = serde_json::to_value(&schema).unwrap();
            values("", &schema["properties"]["spec"], &mut fields);
        }
    }
    fields
}

fn values(path: &str, schema: &Value, fields: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, field) in properties {
            let parent = if path.is_empty() {
                String::new()
            } else {
                format!("{path}.")
            };
            values(&format!("{parent}{name}"), field, fields);
        }
    } else if schema["items"].is_object() {
        values(&format!("{path}[]"), &schema["items"], fields);
    } else {
        fields.insert(path.to_owned());
    }
}

/// Promise: no field is added without a test of its change.
#[test]
fn each_field_of_the_schema_has_a_row() {
    for (kind, rows, _) in KINDS {
        let listed: BTreeSet<_> = rows.iter().map(|row| row.field.to_owned()).collect();
        assert_eq!(listed.len(), rows.len(), "{kind}: a field has two rows");
        let fields = fields(kind);
        let without_row: Vec<_> = fields.difference(&listed).collect();
        let without_field: Vec<_> = listed.difference(&fields).collect();
        assert!(
            without_row.is_empty() && without_field.is_empty(),
            "tests/it/e2e/fields/table.rs, {kind}: fields without a row: {without_row:?}; rows without a field: {without_field:?}"
        );
    }
}

#[test]
fn each_row_that_names_a_test_names_one_that_exists() {
    let sources: Vec<_> = tree::rust_files()
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let rows = KINDS.iter().flat_map(|(_, rows, _)| *rows);
    for row in rows {
        if let Ends::ShownBy(test) | Ends::Otherwise(test) = row.ends {
            let function = format!("fn {test}(");
            let exists = sources.iter().any(|source| source.contains(&function));
            assert!(exists, "{}: there is no test {test}", row.field);
        }
    }
}

/// Promise: the guide lists each field whose change does not end as a fresh object does, and no other one.
#[test]
fn the_guide_lists_the_fields_that_do_not_end_as_a_fresh_object_does() {
    for (kind, rows, page) in KINDS {
        let guide = std::fs::read_to_string(tree::top().join(page)).unwrap();
        let (_, section) = guide.split_once("\n## Changing the spec\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let listed: BTreeSet<_> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `spec.")?.split('`').next())
            .collect();
        let exceptions = rows.iter().filter(|row| match row.ends {
            Ends::AtCreation(_) | Ends::Otherwise(_) => true,
            Ends::AsFresh(_) | Ends::ShownBy(_) | Ends::OnlyValue => false,
        });
        let exceptions: BTreeSet<_> = exceptions.map(|row| row.field).collect();
        assert_eq!(listed, exceptions, "{kind}: {page}");
    }
}
