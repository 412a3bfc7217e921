//! The parts of `docs/guide` that are generated: tables of what stands in the code. A page holds one between
//! `<!-- generated: NAME -->` and `<!-- end -->`; all else is written by hand.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use bindery::cli::Cli;
use bindery::crd;
use bindery::kubernetes::EventReason;
use bindery::metrics;
use bindery::plan::Reason;
use bindery::plan::capability::{Edition, Outlook, Promise, expected};
use bindery::plan::condition::ConditionType;
use clap::CommandFactory as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

use super::GeneratedFile;
use crate::support::tree;

/// Where the pages are.
const GUIDE: &str = "docs/guide";

/// What begins a generated part: a name and [`CLOSE`] follow.
const BEGIN: &str = "<!-- generated: ";
const CLOSE: &str = " -->\n";
const END: &str = "<!-- end -->";

/// The generated parts of all pages, by name.
type Parts = BTreeMap<String, String>;

/// All pages, with their generated parts as the code has them now.
pub(super) fn pages() -> Vec<GeneratedFile> {
    let mut parts = parts();
    let pages = fs::read_dir(tree::top().join(GUIDE)).unwrap();
    let names = pages.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_page = |name: &String| Path::new(name).extension().is_some_and(|it| it == "md");
    let pages = names.filter(is_page);
    let pages = pages.map(|name| {
        let path = format!("{GUIDE}/{name}");
        let text = fs::read_to_string(tree::top().join(&path)).unwrap();
        let content = filled(&path, &text, &mut parts);
        GeneratedFile { path, content }
    });
    let pages = pages.collect();
    let names: Vec<_> = parts.keys().collect();
    assert!(names.is_empty(), "no page of {GUIDE} has {names:?}");
    pages
}

/// A page with its generated parts. Takes them out of `parts`: each is on one page.
fn filled(path: &str, text: &str, parts: &mut Parts) -> String {
    let mut sections = text.split(BEGIN);
    let first = sections.next().unwrap_or_default().to_owned();
    sections.fold(first, |page, section| {
        let (name, rest) = section.split_once(CLOSE).unwrap();
        let (_stale, rest) = rest
            .split_once(END)
            .unwrap_or_else(|| panic!("{path}: {name} has no `{END}`"));
        let part = parts
            .remove(name)
            .unwrap_or_else(|| panic!("{path}: {name} is unknown, or on another page already"));
        format!("{page}{BEGIN}{name}{CLOSE}{part}{END}{rest}")
    })
}

fn parts() -> Parts {
    let of_kinds = crd::definitions().into_iter().flat_map(|definition| {
        let kind = definition.spec.names.kind.clone();
        let parts = parts_of(&definition).into_iter();
        parts.map(move |(name, part)| (format!("{kind}.{name}"), part))
    });
    let others = [
        ("conditions", conditions()),
        ("states", super::states::table()),
        ("reasons", reasons()),
        ("events", events()),
        ("annotations", annotations()),
        ("options", command_line()),
        ("metrics", measures()),
        ("capabilities", capabilities()),
    ];
    let others = others.map(|(name, part)| (name.to_owned(), part));
    of_kinds
        .chain(others)
        .chain(super::captures::parts())
        .collect()
}

/// What each server can do, as the plans know it.
fn capabilities() -> String {
    let versions = [(8, 9), (9, 9), (10, 7), (25, 1), (25, 12), (26, 9)];
    let servers = Edition::ALL
        .into_iter()
        .flat_map(|edition| versions.map(|version| (version, edition)));
    let rows = servers.map(|((major, minor), edition)| {
        let capabilities = expected((major, minor), edition);
        let server = format!("{major}.{minor} {}", edition.title());
        let kept = Promise::ALL.map(|promise| match capabilities.outlook(promise) {
            Outlook::Kept => "yes".to_owned(),
            Outlook::Tried => "if the server takes it".to_owned(),
            Outlook::Refused(reason) => code(reason.as_str()),
            Outlook::Reported => "no, with an event".to_owned(),
        });
        let [import, bind, monorepo, several, unbind, decoration] = kept;
        let method = code(capabilities.method.name());
        [
            server, method, import, bind, monorepo, several, unbind, decoration,
        ]
    });
    let [import, bind, monorepo, several, unbind, decoration] = Promise::ALL.map(Promise::title);
    let head = [
        "SonarQube",
        "method",
        import,
        bind,
        monorepo,
        several,
        unbind,
        decoration,
    ];
    table(head, rows)
}

fn parts_of(definition: &CustomResourceDefinition) -> Vec<(&'static str, String)> {
    let version = definition.spec.versions.first();
    let schema = version.and_then(|version| version.schema.as_ref());
    let schema = schema.and_then(|schema| schema.open_api_v3_schema.as_ref());
    let below = |part: &str| {
        let properties = schema.and_then(|schema| schema.properties.as_ref());
        let part_schema = properties.and_then(|properties| properties.get(part));
        part_schema
            .map(|schema| fields(part, schema))
            .unwrap_or_default()
    };
    let spec = below("spec").into_iter().map(|field| {
        [
            code(field.path),
            field.type_,
            field.default,
            field.description,
        ]
    });
    let status = below("status")
        .into_iter()
        .map(|field| [code(field.path), field.type_, field.description]);
    let selectable = version
        .into_iter()
        .flat_map(|version| &version.selectable_fields);
    let selectable: Vec<_> = selectable
        .flatten()
        .map(|field| code(field.json_path.trim_start_matches('.')))
        .collect();
    let about = schema.and_then(|schema| schema.description.clone());
    vec![
        ("about", format!("{}\n", about.unwrap_or_default())),
        (
            "selectors",
            format!("Field selectors: {}.\n", selectable.join(", ")),
        ),
        ("spec", table(["Field", "Type", "Default", "Meaning"], spec)),
        ("status", table(["Field", "Type", "Meaning"], status)),
    ]
}

/// One line of a table of fields.
struct Field {
    path: String,
    type_: String,
    default: String,
    description: String,
}

/// Every field below `path`, each before those that it contains.
fn fields(path: &str, schema: &JSONSchemaProps) -> Vec<Field> {
    let required = schema.required.as_deref().unwrap_or_default();
    let properties = schema.properties.iter().flatten();
    properties
        .flat_map(|(name, property)| {
            let path = format!("{path}.{name}");
            let default = match &property.default {
                _ if required.contains(name) => "required".to_owned(),
                Some(value) => code(
                    value
                        .0
                        .as_str()
                        .map_or_else(|| value.0.to_string(), str::to_owned),
                ),
                None => String::new(),
            };
            let (suffix, inner) = element(property);
            let below = fields(&format!("{path}{suffix}"), inner);
            let field = Field {
                path,
                type_: type_of(property),
                default,
                description: property.description.clone().unwrap_or_default(),
            };
            std::iter::once(field).chain(below)
        })
        .collect()
}

/// What a list or a map holds, and how a path goes on there; any other schema itself.
fn element(schema: &JSONSchemaProps) -> (&'static str, &JSONSchemaProps) {
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        ("[]", item)
    } else if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        (".*", value)
    } else {
        ("", schema)
    }
}

fn type_of(schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        let values = values.iter().filter_map(|value| value.0.as_str());
        return values.map(code).collect::<Vec<_>>().join(", ");
    }
    match element(schema) {
        ("[]", item) => format!("list of {}", type_of(item)),
        (".*", value) => format!("map of {}", type_of(value)),
        _ => schema.type_.clone().unwrap_or_default(),
    }
}

fn conditions() -> String {
    let rows = ConditionType::ALL.iter().map(|condition_type| {
        [
            code(condition_type.as_str()),
            condition_type.meaning().to_owned(),
        ]
    });
    table(["Type", "Meaning"], rows)
}

fn reasons() -> String {
    let rows = Reason::ALL.iter().map(|reason| {
        [
            code(reason.as_str()),
            reason.meaning().to_owned(),
            reason.remedy().to_owned(),
        ]
    });
    table(["Reason", "What it means", "What to do"], rows)
}

fn events() -> String {
    let rows = EventReason::ALL.iter().map(|occurred| {
        let type_ = if occurred.is_warning() {
            "Warning"
        } else {
            "Normal"
        };
        [
            code(occurred.as_str()),
            type_.to_owned(),
            occurred.meaning().to_owned(),
        ]
    });
    table(["Reason", "Type", "Meaning"], rows)
}

fn annotations() -> String {
    let rows = crd::MARKS
        .iter()
        .map(|&(name, doc)| [code(name), doc.to_owned()]);
    table(["Name", "Meaning"], rows)
}

fn measures() -> String {
    let rows = metrics::ALL.iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(code).collect();
        [
            code(metric.scraped()),
            metric.kind.as_str().to_owned(),
            labels.join(", "),
            metric.meaning.to_owned(),
        ]
    });
    table(["Metric", "Type", "Labels", "Meaning"], rows)
}

fn command_line() -> String {
    let command_line = Cli::command();
    let shown = command_line.get_subcommands();
    let shown = shown.filter(|command| !command.is_hide_set());
    shown.map(subcommand).collect()
}

fn subcommand(command: &clap::Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    let about = about.unwrap_or_default();
    let section = format!("\n### `bindery {}`\n\n{about}.\n", command.get_name());
    let options: Vec<_> = command.get_arguments().map(option).collect();
    if options.is_empty() {
        return section;
    }
    let head = ["Option", "Environment", "Default", "Meaning"];
    format!("{section}\n{}", table(head, options))
}

fn option(argument: &clap::Arg) -> [String; 4] {
    let takes_values = argument.get_action().takes_values();
    let value = argument.get_value_names().unwrap_or_default().join(" ");
    let name = match argument.get_long() {
        Some(long) if takes_values => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    };
    let defaults = argument
        .get_default_values()
        .iter()
        .filter(|_| takes_values);
    let help = argument
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let choices: Vec<_> = argument
        .get_possible_values()
        .iter()
        .map(|choice| code(choice.get_name()))
        .collect();
    [
        code(name),
        argument
            .get_env()
            .map(|name| code(name.to_string_lossy()))
            .unwrap_or_default(),
        defaults
            .map(|value| code(value.to_string_lossy()))
            .collect(),
        if takes_values && !choices.is_empty() {
            format!("{help}: {}.", choices.join(", "))
        } else {
            format!("{help}.")
        },
    ]
}

pub(super) fn code(text: impl Display) -> String {
    format!("`{text}`")
}

pub(super) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rule = ["---"; N].map(str::to_owned);
    let rows = [head.map(str::to_owned), rule].into_iter().chain(rows);
    rows.map(|cells| line_of(&cells)).collect()
}

fn line_of(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell_of(cell)).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A text in one cell: neither a bar nor a line break ends it.
fn cell_of(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('|', "\\|")
}

#[test]
fn nothing_ends_a_cell_early() {
    let row = ["a|b\n c".to_owned(), String::new()];
    assert_eq!(
        table(["x", "y"], [row]),
        "| x | y |\n| --- | --- |\n| a\\|b c |  |\n"
    );
}

#[test]
fn a_generated_part_takes_the_place_of_the_stale_one() {
    let mut parts = Parts::from([("a".to_owned(), "new\n".to_owned())]);
    let text = "above\n<!-- generated: a -->\nold\n<!-- end -->\nbelow\n";
    let filled = filled("page.md", text, &mut parts);
    assert_eq!(filled, text.replace("old", "new"));
    assert!(parts.is_empty());
}

#[test]
fn fields_within_lists_and_maps_are_in_the_guide() {
    let pages: String = pages().into_iter().map(|page| page.content).collect();
    for line in [
        "| `spec.access[].namespaceSelector.matchLabels` | map of string |",
        "| `spec.bitbucket.tokenSecretRef.key` | string | `token` |",
        "| `spec.mode` | `ImportOrBind`, `Import`, `Bind` | `ImportOrBind` |",
        "| `--minimum-interval DURATION` | `BINDERY_MINIMUM_INTERVAL` | `60s` |",
    ] {
        assert!(pages.contains(line), "no {line} in\n{pages}");
    }
}
