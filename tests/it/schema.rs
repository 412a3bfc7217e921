//! The schemas themselves, field by field: each one teaches, each one is bounded.

use bindery::crd;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Calls `visit` with the path and the schema of every field, list item and map value.
fn walk(path: &str, schema: &JSONSchemaProps, visit: &mut impl FnMut(&str, &JSONSchemaProps)) {
    visit(path, schema);
    for (name, field) in schema.properties.iter().flatten() {
        walk(&format!("{path}.{name}"), field, visit);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        walk(&format!("{path}[]"), item, visit);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        walk(&format!("{path}{{}}"), value, visit);
    }
}

fn fields_where(mut is_wrong: impl FnMut(&str, &JSONSchemaProps) -> bool) -> Vec<String> {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for definition in crd::definitions() {
        for version in definition.spec.versions {
            let schema = version.schema.unwrap().open_api_v3_schema.unwrap();
            walk(&definition.spec.names.kind, &schema, &mut |path, schema| {
                seen += 1;
                if is_wrong(path, schema) {
                    wrong.push(path.to_owned());
                }
            });
        }
    }
    assert!(seen > 100, "only {seen} fields were walked");
    wrong
}

fn is_bounded(schema: &JSONSchemaProps) -> bool {
    match schema.type_.as_deref() {
        Some("string") => {
            let of_known_length = schema.format.as_deref() == Some("date-time");
            schema.max_length.is_some() || schema.enum_.is_some() || of_known_length
        }
        Some("array") => schema.max_items.is_some(),
        Some("object") => {
            let is_map = schema.additional_properties.is_some();
            if is_map {
                schema.max_properties.is_some()
            } else {
                schema.properties.is_some()
            }
        }
        Some("integer" | "boolean") => true,
        _ => false,
    }
}

#[test]
fn every_field_is_described() {
    let silent = fields_where(|path, schema| {
        let is_named = !path.ends_with("[]") && !path.ends_with("{}");
        is_named
            && schema
                .description
                .as_deref()
                .unwrap_or_default()
                .trim()
                .is_empty()
    });
    assert!(silent.is_empty(), "{silent:#?}");
}

/// A field that is nullable today cannot become required later.
#[test]
fn no_field_is_nullable() {
    let nullable = fields_where(|_, schema| schema.nullable.is_some());
    assert!(nullable.is_empty(), "{nullable:#?}");
}

/// The conventions of the Kubernetes API: no unsigned integers, and every number has bounds that fit its format.
#[test]
fn integers_are_signed_and_those_of_the_spec_are_bounded() {
    let wrong = fields_where(|path, schema| {
        let is_integer = schema.type_.as_deref() == Some("integer");
        let is_signed = matches!(schema.format.as_deref(), Some("int32" | "int64"));
        let is_bounded = schema.minimum.is_some() && schema.maximum.is_some();
        is_integer && !(is_signed && (is_bounded || path.contains(".status")))
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_string_list_and_map_is_bounded() {
    let unbounded = fields_where(|_, schema| !is_bounded(schema));
    assert!(unbounded.is_empty(), "{unbounded:#?}");
}

#[test]
fn every_list_says_how_it_merges() {
    let silent = fields_where(|path, schema| {
        let ours = !path.contains("namespaceSelector");
        ours && schema.type_.as_deref() == Some("array") && schema.x_kubernetes_list_type.is_none()
    });
    assert!(silent.is_empty(), "{silent:#?}");
}

/// Before SonarQube 10.5 it is `key:` and the name.
#[test]
fn the_id_of_a_configuration_may_be_as_long_as_its_name_makes_it() {
    let mut found = 0;
    let too_short = fields_where(|path, schema| {
        let is_id = path.ends_with("status.configuration.id") || path.ends_with(".configurationId");
        found += usize::from(is_id);
        is_id && schema.max_length < Some(204)
    });
    assert!(too_short.is_empty(), "{too_short:?}");
    assert_eq!(found, 3);
}

#[test]
fn an_unbounded_string_would_be_found() {
    let unbounded = |type_: &str| JSONSchemaProps {
        type_: Some(type_.to_owned()),
        ..JSONSchemaProps::default()
    };
    for type_ in ["string", "array", "object"] {
        assert!(!is_bounded(&unbounded(type_)), "{type_}");
    }
}

/// The fields of our kinds that a script reads, each with its kind: from `kubectl get pbind … jsonpath='{.status.x}'`.
fn fields_read_by(script: &str) -> Vec<String> {
    let reads = script.lines().filter_map(|line| {
        let kinds = [
            ("bbconn", "BitbucketConnection"),
            ("pbind", "ProjectBinding"),
        ];
        let (_, kind) = kinds
            .iter()
            .find(|(short, _)| line.contains(&format!("get {short} ")))?;
        let (_, path) = line.split_once("jsonpath='{")?;
        let (path, _) = path.split_once('}')?;
        Some(format!("{kind}{path}"))
    });
    reads.filter(|path| !path.contains(".metadata")).collect()
}

/// Promise: the demo reads fields that exist. kubectl prints nothing for others, and the demo waits in vain.
#[test]
fn the_demo_reads_fields_that_exist() {
    let script = std::fs::read_to_string(crate::support::tree::top().join("tests/demo")).unwrap();
    let read = fields_read_by(&script);
    assert!(read.len() >= 3, "{read:?}");
    for path in read {
        let found = fields_where(|known, _| known == path);
        assert_eq!(found, [path], "no such field");
    }
}
