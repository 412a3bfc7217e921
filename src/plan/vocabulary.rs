//! Words that users meet in statuses and events, each declared once, with what it means.

/// Declares an enum of such words: as written here they stand in Kubernetes, and their documentation stands in the
/// user's guide (`docs/guide`). A word may be followed by what a person does about it, in Markdown: links are relative
/// to the guide's pages.
macro_rules! vocabulary {
    ($(#[$meta:meta])* pub enum $vocabulary:ident {
        $($(#[doc = $doc:literal])+ $word:ident => $remedy:literal,)+
    }) => {
        vocabulary! {
            $(#[$meta])*
            pub enum $vocabulary { $($(#[doc = $doc])+ $word,)+ }
        }

        impl $vocabulary {
            /// What the person who reads it does about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$word => $remedy,)+
                }
            }
        }
    };
    ($(#[$meta:meta])* pub enum $vocabulary:ident { $($(#[doc = $doc:literal])+ $word:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $vocabulary {
            $($(#[doc = $doc])+ $word,)+
        }

        impl $vocabulary {
            /// Every word, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The word as it stands in Kubernetes.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }

            /// What it means to the person who reads it.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$word => concat!($($doc),+),)+
                }
            }
        }
    };
}

pub(crate) use vocabulary;
