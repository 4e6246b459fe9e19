//! Makes structs of counters that are added when two snapshots merge.

/// Makes a struct of counters with a `merge` that adds field by field.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident),+ $(,)? } $(and { $($(#[$more_meta:meta])* $more:ident: $kind:ty),+ $(,)? })?) => {
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: u64,)+
            $($($(#[$more_meta])* pub $more: $kind,)+)?
        }

        impl $name {
            /// Adds what `other` counted.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)+
                $($(self.$more.merge(&other.$more);)+)?
            }
        }
    };
}

pub(super) use counters;
