//! The macros that declare sections and words once, for reader, defaults, schema and long form alike.

/// The type that a setting is read as: its own, unless the file's form differs.
macro_rules! shape_of {
    ($type:ty) => {
        $type
    };
    ($type:ty, $shape:ty) => {
        $shape
    };
}
pub(crate) use shape_of;

/// Declares a section once: its type, its defaults, how it is read, its schema and its long form.
macro_rules! section {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis struct $name:ident, example $example:tt {$(
            $(#[doc = $field_doc:literal])+
            $field:ident: $type:ty $(as $shape:ty)? = $default:expr,
        )+}
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        $visibility struct $name {$(
            $(#[doc = $field_doc])+
            $visibility $field: $type,
        )+}

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $crate::read::Shape for $name {
            fn read(
                at: &$crate::read::At<'_>,
                reading: &mut $crate::reading::Reading<'_>,
            ) -> Option<Self> {
                let mut section = Self::default();
                for child in at.entries(reading)? {
                    match child.key() {
                        $(stringify!($field) => {
                            if let Some(value) =
                                reading.field::<$crate::declare::shape_of!($type $(, $shape)?)>(&child)
                            {
                                section.$field = value.into();
                            }
                        })+
                        _ => reading.unknown_key(&child, &[$(stringify!($field)),+]),
                    }
                }
                Some(section)
            }

            fn schema() -> serde_json::Value {
                $crate::schema::object(
                    concat!($($doc),+),
                    &serde_json::json!($example),
                    vec![$((
                        stringify!($field),
                        concat!($($field_doc),+),
                        <$crate::declare::shape_of!($type $(, $shape)?) as $crate::read::Shape>::schema(),
                    )),+],
                )
            }
        }

        impl $crate::shown::Show for $name {
            fn shown(&self) -> $crate::shown::Shown {
                $crate::shown::Shown::Map(vec![
                    $((stringify!($field).to_owned(), $crate::shown::Show::shown(&self.$field)),)+
                ])
            }
        }
    };
}
pub(crate) use section;

/// Declares a setting that is one of a few words.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis enum $name:ident, expected $expected:literal {$(
            $(#[doc = $variant_doc:literal])+
            $variant:ident = $word:literal,
        )+}
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name {$( $(#[doc = $variant_doc])+ $variant, )+}

        impl $name {
            /// The word in the file.
            $visibility const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::read::Scalar for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Result<Self, $crate::read::Refused> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err($crate::read::Refused::Value(Some($crate::words::advice(other, &[$($word),+])))),
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": [$($word),+], "description": concat!($($doc),+)})
            }

            fn shown(&self) -> $crate::shown::Shown {
                $crate::shown::Shown::Text(self.as_str().to_owned())
            }
        }
    };
}
pub(crate) use words;
