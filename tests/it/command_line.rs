//! The built program as people meet it in a shell: completions, man pages, colours, and as a plugin of kubectl.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use bindery::cli::Cli;
use clap::CommandFactory as _;

const PROGRAM: &str = env!("CARGO_BIN_EXE_bindery");

/// A new directory for what a test writes.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("command-line-{name}"));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn bindery(arguments: &[&str]) -> String {
    text(&Command::new(PROGRAM).args(arguments).output().unwrap())
}

/// kubectl with the plugin and its completions on the path, as a release has them.
fn kubectl(name: &str) -> impl Fn(&[&str]) -> String {
    let directory = directory(name);
    symlink(PROGRAM, directory.join("kubectl-bindery")).unwrap();
    let completer = directory.join("kubectl_complete-bindery");
    fs::write(&completer, bindery(&["completions", "kubectl"])).unwrap();
    fs::set_permissions(&completer, fs::Permissions::from_mode(0o755)).unwrap();
    move |arguments| {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"PATH=$0:$PATH exec kubectl "$@""#]);
        text(&shell.arg(&directory).args(arguments).output().unwrap())
    }
}

/// Promise: under the name of a plugin, help and printed commands are as a user of the plugin types them.
#[test]
fn a_plugin_of_kubectl_speaks_of_itself_as_one() {
    let kubectl = kubectl("plugin");
    let help = kubectl(&["bindery", "plan", "--help"]);
    assert!(help.contains("Usage: kubectl bindery plan "), "{help}");
    let init = kubectl(&[
        "bindery",
        "init",
        "--sonarqube-url=https://sonarqube.example.com",
        "--bitbucket-url=https://bitbucket.example.com",
        "--repository=OPS/deploy",
    ]);
    assert!(
        init.contains("Check everything:  kubectl bindery doctor\n"),
        "{init}"
    );
}

/// Promise: kubectl's own completion completes the commands, options and values of the plugin.
#[test]
fn kubectl_completes_the_plugin() {
    let kubectl = kubectl("completed");
    for (words, expected) in [
        (&["pl"][..], "plan\n:4\n"),
        (&["doctor", "--output", ""], "text\njson\n:4\n"),
        (&["plan", "--li"], "--live\n:4\n"),
        (&["plan", "--no-such-option-"], ":0\n"),
    ] {
        let completed = kubectl(&[&["__complete", "bindery"], words].concat());
        assert_eq!(completed, expected, "{words:?}");
    }
}

/// The commands that help lists.
fn commands() -> BTreeSet<String> {
    let command = Cli::command();
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    let names: BTreeSet<_> = shown.map(|it| it.get_name().to_owned()).collect();
    assert!(names.len() > 6, "{names:?}");
    names
}

/// Promise: each shell is offered every command, and bash accepts and uses the script.
#[test]
fn completions_know_every_command() {
    for shell in ["bash", "fish", "powershell", "zsh", "kubectl"] {
        let script = bindery(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        assert!(!script.contains("doctor-"), "{shell}");
    }
    let script = bindery(&["completions", "bash"]);
    let ask = r#"
        COMP_WORDS=(bindery grant --ser)
        COMP_CWORD=2
        _bindery bindery --ser grant
        echo "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    let output = bash.arg("-c").arg(script + ask).output().unwrap();
    assert_eq!(text(&output), "--service-account\n");
}

/// Promise: each command has a man page with all its options.
#[test]
fn man_pages_have_every_command_and_option() {
    let directory = directory("man");
    bindery(&["man", directory.to_str().unwrap()]);
    let pages: BTreeSet<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: BTreeSet<_> = commands()
        .iter()
        .map(|name| format!("bindery-{name}.1"))
        .collect();
    expected.insert("bindery.1".to_owned());
    assert_eq!(pages, expected);
    let mut command = Cli::command();
    command.build();
    for command in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        let page = fs::read_to_string(directory.join(format!("bindery-{name}.1"))).unwrap();
        for option in command.get_arguments().filter_map(|it| it.get_long()) {
            let option = format!("--{option}").replace('-', "\\-");
            assert!(page.contains(&option), "{name}: {option}");
        }
    }
}

/// Promise: what a reader like `head` leaves unread is no failure.
#[test]
fn a_closed_pipe_is_no_failure() {
    for arguments in [&["run", "--help"][..], &["crds"]] {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

/// Promise: help is coloured on a terminal alone, and not where `NO_COLOR` is set.
#[test]
fn help_is_coloured_on_terminals_alone() {
    // `script` runs a command on a terminal of its own.
    let on_terminal = |no_color: &str| {
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command"]);
        script.arg(format!("{PROGRAM} --help")).arg("/dev/null");
        script.env("NO_COLOR", no_color).env("TERM", "xterm");
        text(&script.stdin(Stdio::null()).output().unwrap())
    };
    let is_coloured = |text: &str| text.contains('\u{1b}');
    assert!(is_coloured(&on_terminal("")));
    assert!(!is_coloured(&on_terminal("1")));
    assert!(!is_coloured(&bindery(&["--help"])));
}
