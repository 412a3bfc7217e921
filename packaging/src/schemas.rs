//! JSON schemas of the kinds, as kubeconform and editors read them: `GROUP/KIND_VERSION.json`.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

/// The schemas of a definition by their paths, one of each version.
///
/// # Errors
///
/// If it is no definition.
pub fn schemas(definition: &str) -> Result<Vec<(String, String)>> {
    let definition: Value = serde_saphyr::from_str(definition)?;
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no name");
    let (group, kind) = (text(&spec["group"])?, text(&spec["names"]["kind"])?);
    let versions = spec["versions"].as_array().context("no versions")?;
    let schemas = versions.iter().map(|version| {
        let name = text(&version["name"])?;
        let path = format!("{group}/{}_{name}.json", kind.to_lowercase());
        let mut schema = strict(&version["schema"]["openAPIV3Schema"]);
        // Every object has them, and no definition lists them.
        schema["properties"]["apiVersion"] =
            json!({"type": "string", "enum": [format!("{group}/{name}")]});
        schema["properties"]["kind"] = json!({"type": "string", "enum": [kind]});
        schema["properties"]["metadata"] = json!({"type": "object"});
        Ok((path, serde_json::to_string_pretty(&schema)? + "\n"))
    });
    schemas.collect()
}

/// Refuses fields that the kind does not have, as the API server drops them, and takes the words of JSON schemas in the
/// place of Kubernetes' own.
#[must_use]
pub fn strict(schema: &Value) -> Value {
    let Some(fields) = schema.as_object() else {
        return schema.clone();
    };
    let mut strict = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "properties" => {
                let properties = value.as_object().into_iter().flatten();
                let properties =
                    properties.map(|(name, value)| (name.clone(), self::strict(value)));
                strict.insert(name.clone(), Value::Object(properties.collect()));
            }
            "items" | "additionalProperties" => {
                strict.insert(name.clone(), self::strict(value));
            }
            // CEL rules and list types are the API server's alone.
            other if other.starts_with("x-kubernetes-") || other == "nullable" => {}
            _ => {
                strict.insert(name.clone(), value.clone());
            }
        }
    }
    let open = fields.contains_key("additionalProperties")
        || fields.get("x-kubernetes-preserve-unknown-fields") == Some(&true.into());
    if fields.contains_key("properties") && !open {
        strict.insert("additionalProperties".to_owned(), false.into());
    }
    if fields.get("nullable") == Some(&true.into()) {
        let null = Value::from("null");
        if let Some(kind) = fields.get("type") {
            strict.insert("type".to_owned(), vec![kind.clone(), null.clone()].into());
        }
        if let Some(Value::Array(values)) = strict.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    Value::Object(strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_refused_where_a_schema_lists_the_known_ones() {
        let schema = json!({
            "type": "object", "x-kubernetes-validations": [{"rule": "true"}],
            "properties": {
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "state": {"type": "string", "nullable": true, "enum": ["a"]},
            },
        });
        let expected = json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "state": {"type": ["string", "null"], "enum": ["a", null]},
            },
        });
        assert_eq!(strict(&schema), expected);
    }
}
