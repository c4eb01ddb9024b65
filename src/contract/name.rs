//! Names of settings and states that are read from text.

/// A name that is none of the accepted ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; expected one of {expected}")]
pub struct UnknownName {
    /// What was being named.
    pub what: &'static str,
    /// The name as given, shortened.
    pub name: String,
    /// The accepted names.
    pub expected: &'static str,
}

impl UnknownName {
    /// Names are shortened to so many characters.
    const SHOWN: usize = 80;

    /// `name` is none of `expected`.
    #[must_use]
    pub fn new(what: &'static str, name: &str, expected: &'static str) -> Self {
        Self { what, name: name.chars().take(Self::SHOWN).collect(), expected }
    }
}

/// Gives a plain enum the words that it is published as: `ALL`, `as_str`,
/// `Display` and `FromStr`.
macro_rules! words {
    ($type:ident, $what:literal, $expected:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in published order.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// As published.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::name::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::name::UnknownName::new($what, text, $expected)),
                }
            }
        }
    };
}

pub(crate) use words;
