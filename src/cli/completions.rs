//! `bindery completions`: what makes a shell complete commands and options.

use clap::{Args, Command, ValueEnum};
use clap_complete::aot;

/// For which shell.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionsArguments {
    /// The shell; `kubectl` for the program `kubectl_complete-bindery`, which kubectl's own completion asks.
    #[arg(value_enum)]
    shell: Shell,
}

/// What asks for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Fish,
    Powershell,
    Zsh,
    Kubectl,
}

/// Answers kubectl by the function for bash: the candidates, and after `:` what the shell does beside them: 0 offers
/// files, 4 offers none. (`ShellCompDirective` of cobra, which kubectl is made with.)
const FOR_KUBECTL: &str = r#"
COMP_WORDS=(bindery "$@")
COMP_CWORD=$#
_bindery bindery "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
if ((${#COMPREPLY[@]} == 0)); then
    echo :0
else
    printf '%s\n' "${COMPREPLY[@]}" :4
fi
"#;

impl CompletionsArguments {
    /// The script, for all that the program can do.
    pub(super) fn run(self, program: &Command) -> String {
        let of = |shell: aot::Shell| {
            let mut script = Vec::new();
            let name = program.get_name();
            aot::generate(shell, &mut program.clone(), name, &mut script);
            String::from_utf8_lossy(&script).into_owned()
        };
        match self.shell {
            Shell::Bash => of(aot::Shell::Bash),
            Shell::Fish => of(aot::Shell::Fish),
            Shell::Powershell => of(aot::Shell::PowerShell),
            Shell::Zsh => of(aot::Shell::Zsh),
            Shell::Kubectl => {
                let bash = of(aot::Shell::Bash);
                format!("#!/usr/bin/env bash\n{bash}{FOR_KUBECTL}")
            }
        }
    }
}
