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

/// An enum whose values are published as text: a fixed one, or one followed by
/// what the value carries. Gives it `Display`, `FromStr`, serde and a schema, all
/// of that text. The first line that reads a text wins.
macro_rules! coded {
    (
        $(#[$attribute:meta])*
        $type:ident: $what:literal, $expected:literal;
        $($(#[$doc:meta])* $variant:ident $(($payload:ty))? = $text:literal;)+
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[$doc])* $variant $(($payload))?,)+
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $($crate::name::coded!(@pattern payload $variant $($payload)?) =>
                        $crate::name::coded!(@write payload f $text $($payload)?),)+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::name::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $(if let Some(value) = $crate::name::coded!(@read text $variant $text $($payload)?) {
                    return Ok(value);
                })+
                Err($crate::name::UnknownName::new($what, text, $expected))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                String::json_schema(generator)
            }
        }
    };
    (@pattern $bound:ident $variant:ident) => { Self::$variant };
    (@pattern $bound:ident $variant:ident $payload:ty) => { Self::$variant($bound) };
    (@write $bound:ident $f:ident $text:literal) => { $f.write_str($text) };
    (@write $bound:ident $f:ident $text:literal $payload:ty) => {{
        $f.write_str($text)?;
        std::fmt::Display::fmt($bound, $f)
    }};
    (@read $from:ident $variant:ident $text:literal) => {
        ($from == $text).then_some(Self::$variant)
    };
    (@read $from:ident $variant:ident $text:literal $payload:ty) => {
        $from
            .strip_prefix($text)
            .and_then(|rest| rest.parse::<$payload>().ok())
            .map(Self::$variant)
    };
}

pub(crate) use coded;
