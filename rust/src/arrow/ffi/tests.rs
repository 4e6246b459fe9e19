//! A consumer of the C structs, as other languages have one. `AddressSanitizer` runs these tests as well.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::slice;
use std::sync::Arc;

use super::*;
use crate::pipeline::snapshot::{Snapshot, Table};

fn stream(table: Table) -> ArrowArrayStream {
    let json = br#"{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:01Z","hosts":[
        {"name":"a","requests":3,"methods":{"GET":2,"PUT":1},"addresses":["10.0.0.1"],
        "sections":[{"path":"/x","requests":1},{"path":"/y","requests":2}]}]}"#;
    let snapshot = Arc::new(Snapshot::from_json(json).unwrap());
    let mut batches = vec![table.batch(&snapshot, &table.places(&snapshot), true); 2];
    ArrowArrayStream::new(table.batch(&Snapshot::default(), &[], true), move || batches.pop())
}

fn schema(stream: &mut ArrowArrayStream) -> ArrowSchema {
    let mut schema = MaybeUninit::uninit();
    assert_eq!(unsafe { stream.get_schema.unwrap()(stream, schema.as_mut_ptr()) }, 0);
    unsafe { schema.assume_init() }
}

fn next(stream: &mut ArrowArrayStream) -> Option<ArrowArray> {
    let mut array = MaybeUninit::uninit();
    assert_eq!(unsafe { stream.get_next.unwrap()(stream, array.as_mut_ptr()) }, 0);
    Some(unsafe { array.assume_init() }).filter(|array| array.release.is_some())
}

fn name_of(schema: *mut ArrowSchema) -> String {
    unsafe { CStr::from_ptr((*schema).name) }.to_str().unwrap().to_owned()
}

fn children(schema: &ArrowSchema) -> &[*mut ArrowSchema] {
    unsafe { slice::from_raw_parts(schema.children, schema.n_children as usize) }
}

/// Reads every value of every buffer, which `AddressSanitizer` checks.
fn touch(schema: *mut ArrowSchema, array: *mut ArrowArray) -> u64 {
    let (schema, array) = unsafe { (&*schema, &*array) };
    let format = unsafe { CStr::from_ptr(schema.format) }.to_str().unwrap();
    let buffers = unsafe { slice::from_raw_parts(array.buffers, array.n_buffers as usize) };
    let length = array.length as usize;
    let width = match format {
        "u" | "+l" | "+m" => 4 * (length + 1),
        "S" => 2 * length,
        "+s" => 0,
        _ => 8 * length,
    };
    let bytes = |at: usize, width: usize| {
        let buffer = buffers[at].cast::<u8>();
        if buffer.is_null() { &[][..] } else { unsafe { slice::from_raw_parts(buffer, width) } }
    };
    let mut sum: u64 = bytes(0, length.div_ceil(8)).iter().copied().map(u64::from).sum();
    if width > 0 {
        assert!(length == 0 || !buffers[1].is_null());
        let values = bytes(1, width);
        sum += values.iter().copied().map(u64::from).sum::<u64>();
        if format == "u" && !values.is_empty() {
            let end = i32::from_ne_bytes(values[width - 4..].try_into().unwrap());
            sum += bytes(2, end as usize).iter().copied().map(u64::from).sum::<u64>();
        }
    }
    assert_eq!(schema.n_children, array.n_children);
    for at in 0..array.n_children as usize {
        sum += unsafe { touch(*schema.children.add(at), *array.children.add(at)) };
    }
    sum
}

#[test]
fn a_consumer_reads_all_batches_and_releases_them_in_any_order() {
    for (_, table) in Table::ALL {
        let mut stream = stream(table);
        let mut schema = schema(&mut stream);
        let arrays: Vec<_> = std::iter::from_fn(|| next(&mut stream)).collect();
        assert_eq!(arrays.len(), 2);
        assert!(next(&mut stream).is_none(), "the end stays the end");
        drop(stream);
        for mut array in arrays {
            assert_eq!(touch(&raw mut schema, &raw mut array) > 0, array.length > 0);
            unsafe { array.release.unwrap()(&raw mut array) };
            assert!(array.release.is_none());
        }
        unsafe { schema.release.unwrap()(&raw mut schema) };
        assert!(schema.release.is_none());
    }
}

#[test]
fn a_child_that_was_moved_out_outlives_its_parent() {
    let mut stream = stream(Table::Sections);
    let (mut schema, mut array) = (schema(&mut stream), next(&mut stream).unwrap());
    let at = children(&schema).iter().position(|&child| name_of(child) == "path").unwrap();
    let child = unsafe { &mut **array.children.add(at) };
    let mut moved = unsafe { child.moved_out() };
    unsafe { array.release.unwrap()(&raw mut array) };
    let child = children(&schema)[at];
    assert!(touch(child, &raw mut moved) > 0);
    unsafe { moved.release.unwrap()(&raw mut moved) };
    unsafe { schema.release.unwrap()(&raw mut schema) };
}

#[test]
fn a_stream_that_was_moved_out_is_not_released_again() {
    let mut stream = stream(Table::Hosts);
    let mut moved = unsafe { std::ptr::read(&raw const stream) };
    stream.release = None;
    drop(stream);
    assert!(next(&mut moved).is_some_and(|mut array| {
        unsafe { array.release.unwrap()(&raw mut array) };
        true
    }));
}

#[test]
fn a_panic_is_an_error_to_the_consumer() {
    let mut stream = ArrowArrayStream::new(Batch::default(), || panic!("broken"));
    let mut array = ArrowArray::end();
    assert_eq!(unsafe { stream.get_next.unwrap()(&raw mut stream, &raw mut array) }, EIO);
    let told = unsafe { CStr::from_ptr(stream.get_last_error.unwrap()(&raw mut stream)) };
    assert_eq!(told.to_str(), Ok("netmon could not make a batch"));
}

impl ArrowArray {
    /// Moves the struct, as the specification says.
    unsafe fn moved_out(&mut self) -> Self {
        let moved = unsafe { std::ptr::read(self) };
        self.release = None;
        moved
    }
}
