//! Words that users meet in statuses and events, each declared once, with what it means.

/// Declares an enum of such words: as written here they stand in Kubernetes, and their documentation stands in the
/// user's guide (`docs/guide`).
macro_rules! vocabulary {
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
