//! Says what to install when there is no libpcap to link with, before the linker says so at length.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

const ADVICE: &str = "libpcap's development files are missing: install libpcap-dev (Debian, Ubuntu), libpcap-devel (Fedora, \
                      openSUSE) or libpcap (Arch), or set LIBPCAP_LIBDIR";

fn main() {
    println!("cargo::rerun-if-env-changed=LIBPCAP_LIBDIR");
    println!("cargo::rerun-if-changed=rust/build.rs");
    // Another machine's linker and libraries are not ours to look for.
    if env::var("HOST") == env::var("TARGET") && can_link("c") && !can_link("pcap") {
        println!("cargo::error={ADVICE}");
    }
}

/// A program that needs this library can be linked. Where there is no C compiler to ask, nothing can.
fn can_link(library: &str) -> bool {
    let mut command = Command::new("cc");
    if let Ok(folder) = env::var("LIBPCAP_LIBDIR") {
        command.arg("-L").arg(folder);
    }
    let library = format!("-l{library}");
    command.args(["-x", "c", "-", "-x", "none", &library, "-o", "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut compiler) = command.spawn() else { return false };
    if let Some(mut source) = compiler.stdin.take() {
        let _ = source.write_all(b"int main(void) { return 0; }\n");
    }
    compiler.wait().is_ok_and(|status| status.success())
}
