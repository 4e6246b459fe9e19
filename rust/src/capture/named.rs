//! Paths as text, for messages and for names of rows.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A path as text. A byte that belongs to no character is written as `\xff`.
pub fn name_of(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    name
}
