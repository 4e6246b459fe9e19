//! An interface at a look, and which one it is.

/// Which interface it is. It stays the same when the interface is renamed, and another interface of the same name has
/// another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Number of its network namespace in this capture.
    pub place: usize,
    /// The kernel's number of it in that namespace. Pseudo devices have made-up numbers from [`PSEUDO`] on.
    pub index: u32,
}

/// The least made-up number. The kernel's numbers are signed.
pub const PSEUDO: u32 = 1 << 31;

/// An interface as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which interface it is.
    pub key: Key,
    /// Its name in its network namespace; bytes that are not UTF-8 are written like `\xff`.
    pub device: String,
    /// What people know it as: its name, behind that of its network namespace if it is another one than netmon's.
    pub name: String,
    /// True if the name is UTF-8.
    pub is_utf8: bool,
    /// True if it is up.
    pub up: bool,
    /// Bytes that it received and sent since it was created.
    pub bytes: u64,
}

impl Link {
    /// An interface in netmon's own network namespace.
    pub fn new(index: u32, device: String, is_utf8: bool, up: bool, bytes: u64) -> Self {
        Self { key: Key { place: 0, index }, name: device.clone(), device, is_utf8, up, bytes }
    }
}
