//! Conditions as Kubernetes writes them, and their texts, which most objects have in common.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A condition as Kubernetes writes it. Its schema is that of `meta/v1`, whose own type has a copy of each text.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// When its status changed last.
    pub last_transition_time: Time,
    /// What a person reads.
    #[serde(default)]
    pub message: Text,
    /// The generation of the spec that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Why it is so, in one word.
    #[serde(default)]
    pub reason: Text,
    /// `True`, `False` or `Unknown`.
    #[serde(default)]
    pub status: Text,
    /// What it is about.
    #[serde(default, rename = "type")]
    pub type_: Text,
}

/// A text. Those that were read one soon after the other are kept once: thousands of objects say the same. Boxed, so
/// that each of them keeps one address, without the length.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<Box<str>>);

/// So many texts are remembered, each at a place of its own. Another text at its place replaces it.
const PLACES: usize = 512;

/// A longer text is about one object.
const LONGEST: usize = 512;

static REMEMBERED: [Mutex<Option<Text>>; PLACES] = [const { Mutex::new(None) }; PLACES];

impl Text {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn shared(text: &str) -> Self {
        if text.len() > LONGEST {
            return Self(Arc::new(text.into()));
        }
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
        let place = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        let mut remembered = REMEMBERED[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*remembered {
            Some(same) if same == text => same.clone(),
            Some(_) | None => {
                let text = Self(Arc::new(text.into()));
                remembered.insert(text).clone()
            }
        }
    }
}

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        String::inline_schema()
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::shared("")
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::shared(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::shared(&text)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        other == self
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Text;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Promise: the texts that thousands of objects have in common are in memory once.
    #[test]
    fn equal_texts_are_kept_once() {
        let read = || -> Condition {
            serde_json::from_value(json!({
                "type": "Ready", "status": "True", "reason": "Succeeded", "message": "kept once by a test",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
            }))
            .unwrap()
        };
        let (one, other) = (read(), read());
        assert!(Arc::ptr_eq(&one.message.0, &other.message.0));
        let long = || Text::from("x".repeat(LONGEST + 1));
        assert!(
            !Arc::ptr_eq(&long().0, &long().0),
            "a long one is not looked for"
        );
        assert_eq!(long(), long());
    }

    /// Promise: however many texts there are, no more than so many are remembered.
    #[test]
    fn a_text_makes_room_for_the_next_at_its_place() {
        let first = Text::from("the first of many");
        for number in 0..20 * PLACES {
            assert_eq!(Text::from(number.to_string()), *number.to_string());
        }
        assert_eq!(Arc::strong_count(&first.0), 1);
    }

    /// Promise: it is read and written as Kubernetes' own type is.
    #[test]
    fn a_condition_is_spelt_as_kubernetes_does() {
        use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Theirs;
        let theirs = Theirs {
            last_transition_time: Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
            message: "as declared".to_owned(),
            observed_generation: Some(7),
            reason: "Succeeded".to_owned(),
            status: "True".to_owned(),
            type_: "Ready".to_owned(),
        };
        let spelt = serde_json::to_value(&theirs).unwrap();
        let ours: Condition = serde_json::from_value(spelt.clone()).unwrap();
        assert_eq!(serde_json::to_value(&ours).unwrap(), spelt);
        assert!(ours.reason == "Succeeded" && ours.observed_generation == Some(7));
    }
}
