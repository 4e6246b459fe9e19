use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use super::lines::MAX_LINE;
use super::*;

/// The lines that were handed over.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn sink(&self) -> LineSink {
        let heard = self.0.clone();
        LineSink::new(move |line| heard.lock().unwrap().push(String::from_utf8_lossy(line).into_owned()))
    }

    /// Takes the lines since the last call.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A folder of a test, and a key log in it that may not exist yet.
struct Desk {
    path: PathBuf,
    heard: Heard,
    bell: Bell,
    now: Instant,
}

impl Desk {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("netmon-keylog-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        Self { path: folder.join("keys"), heard: Heard::default(), bell: Bell::new().unwrap(), now: Instant::now() }
    }

    fn write(&self, text: &str) {
        fs::OpenOptions::new().create(true).append(true).open(&self.path).unwrap().write_all(text.as_bytes()).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn open(&self) -> KeyLog {
        let mut log = KeyLog::open(&self.path, true).unwrap();
        log.read_all(&self.heard.sink(), false, &self.bell).unwrap();
        log
    }

    /// Looks at the key log, and returns the lines that came.
    fn look(&mut self, log: &mut KeyLog) -> Vec<String> {
        self.now += POLL;
        log.follow(&self.heard.sink(), self.now);
        self.heard.take()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.path.parent().unwrap());
    }
}

fn words(log: &mut KeyLog) -> String {
    let words = |notice: Notice| match notice {
        Notice::Info(words) => format!("info: {words}\n"),
        Notice::Warning(words) => format!("warning: {words}\n"),
    };
    log.take_notices().into_iter().map(words).collect()
}

#[test]
fn lines_are_handed_over_whole_however_the_bytes_are_cut() {
    let long = "x".repeat(MAX_LINE + 1);
    let text = format!("one\n\ntwo\r\n{long}\n{}\nthree", &long[1..]);
    for size in [1, 2, 7, 1000, usize::MAX] {
        let (heard, mut lines) = (Heard::default(), Lines::default());
        let sink = heard.sink();
        text.as_bytes().chunks(size.min(text.len())).for_each(|piece| lines.push(piece, &sink));
        let mut found = heard.take();
        found.retain(|line| !line.is_empty());
        assert_eq!(found, ["one", "two\r", &long[1..]], "in pieces of {size}");
        lines.show(&sink);
        lines.show(&sink);
        lines.push(b" and more\nfour\n", &sink);
        assert_eq!(heard.take(), ["three", "three and more", "four"]);
    }
}

#[test]
fn a_file_that_grows_is_followed() {
    let mut desk = Desk::new("grows");
    desk.write("one\ntw");
    let mut log = desk.open();
    assert_eq!((desk.heard.take(), words(&mut log)), (vec!["one".to_owned()], String::new()));
    assert!(desk.look(&mut log).is_empty());
    desk.write("o\nthree\n");
    assert_eq!(desk.look(&mut log), ["two", "three"]);
    desk.write("four");
    assert!(desk.look(&mut log).is_empty(), "its end may still come");
    desk.now += UNFINISHED;
    assert_eq!(desk.look(&mut log), ["four"]);
    assert!(desk.look(&mut log).is_empty());
}

#[test]
fn a_file_that_is_truncated_or_replaced_is_read_from_its_beginning() {
    let mut desk = Desk::new("replaced");
    desk.write("one\n");
    let mut log = desk.open();
    desk.heard.take();
    fs::write(&desk.path, "").unwrap();
    assert!(desk.look(&mut log).is_empty());
    assert!(words(&mut log).contains("was truncated"));
    desk.write("two\n");
    assert_eq!(desk.look(&mut log), ["two"]);
    let moved = desk.path.with_extension("1");
    fs::rename(&desk.path, &moved).unwrap();
    assert!(desk.look(&mut log).is_empty());
    fs::OpenOptions::new().append(true).open(&moved).unwrap().write_all(b"three\n").unwrap();
    desk.write("four\n");
    assert_eq!(desk.look(&mut log), ["three", "four"], "the rest of the old file comes first");
    assert!(words(&mut log).contains("is another file now"));
}

#[test]
fn a_file_that_does_not_exist_is_waited_for() {
    let mut desk = Desk::new("waits");
    let mut log = desk.open();
    assert!(words(&mut log).contains("info: key log") && desk.look(&mut log).is_empty());
    desk.write("one\n");
    assert_eq!(desk.look(&mut log), ["one"]);
    assert!(words(&mut log).contains("is there now"));
    let error = KeyLog::open(&desk.path.with_extension("none"), false).err().unwrap().to_string();
    assert!(error.ends_with("keys.none: there is no such key log"), "{error}");
}

#[test]
fn a_pipe_neither_delays_the_start_nor_ends_with_its_writer() {
    let mut desk = Desk::new("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &desk.path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let mut log = desk.open();
    for name in ["one", "two"] {
        let mut writer = fs::OpenOptions::new().write(true).open(&desk.path).unwrap();
        assert!(desk.look(&mut log).is_empty());
        writeln!(writer, "{name}").unwrap();
        assert_eq!(desk.look(&mut log), [name]);
        drop(writer);
        assert!(desk.look(&mut log).is_empty());
    }
    assert_eq!(words(&mut log), "");
}

#[test]
fn a_file_is_read_to_its_last_byte_before_the_capture_of_a_file() {
    let desk = Desk::new("final");
    desk.write("one\ntwo");
    let mut log = KeyLog::open(&desk.path, false).unwrap();
    log.read_all(&desk.heard.sink(), true, &desk.bell).unwrap();
    assert_eq!(desk.heard.take(), ["one", "two"]);
}

#[test]
fn a_key_log_that_others_may_open_is_warned_of_with_the_command_to_type() {
    let desk = Desk::new("it's open");
    desk.write("one\n");
    fs::set_permissions(&desk.path, fs::Permissions::from_mode(0o644)).unwrap();
    let told = words(&mut desk.open());
    assert!(told.starts_with("warning: ") && told.contains("type: chmod 600 '/"), "{told}");
    assert!(told.contains("'\\''"), "the quote is escaped: {told}");
}

#[test]
fn a_folder_and_a_device_are_refused() {
    for (path, reason) in [("/tmp", "is a folder"), ("/dev/zero", "neither a file nor a named pipe")] {
        let error = KeyLog::open(Path::new(path), true).err().unwrap().to_string();
        assert!(error.starts_with(path) && error.contains(reason), "{error}");
    }
}
