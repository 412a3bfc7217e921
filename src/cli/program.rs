//! The name that the program is called by: its own, or that of a plugin of kubectl.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

/// The name that a user calls the program by. Help, man pages, completions and printed commands have this name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `bindery`.
    #[default]
    Own,
    /// `kubectl bindery`: kubectl runs a program `kubectl-bindery` that is on the path.
    Plugin,
}

impl Program {
    /// By the first of the arguments of the process.
    #[must_use]
    pub fn called(arguments: &[OsString]) -> Self {
        let name = arguments.first().and_then(|it| Path::new(it).file_stem());
        if name.is_some_and(|name| name == "kubectl-bindery") {
            Self::Plugin
        } else {
            Self::Own
        }
    }

    /// The name, as a user writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "bindery",
            Self::Plugin => "kubectl bindery",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
