//! The structs of the Arrow C data interface and of the Arrow C stream interface, filled from arrays of [`layout`](super::layout).
//!
//! <https://arrow.apache.org/docs/format/CDataInterface.html>. The laws of that text which the `unsafe` below relies on:
//! a struct is released once, by calling `release`, which sets `release` to null; whoever moves a struct sets `release`
//! of the original to null; a child may be moved out of its parent, which then does not release it; functions of a
//! stream are not called by two threads at once. A consumer that breaks these laws breaks every producer.

use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use super::layout::{Array, Buffer, of_batch};
use crate::pipeline::snapshot::Batch;

/// `ARROW_FLAG_NULLABLE`.
const NULLABLE: i64 = 2;
/// The error number for an error of input or output, which has the same value on all systems that Linux runs on.
const EIO: c_int = 5;

/// `struct ArrowSchema`: the type of an array.
#[repr(C)]
pub struct ArrowSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut ArrowSchema,
    dictionary: *mut ArrowSchema,
    release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    private_data: *mut c_void,
}

/// `struct ArrowArray`: the values of an array.
#[repr(C)]
pub struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut c_void,
}

/// `struct ArrowArrayStream`: a type, and the batches that have it. Released when it is dropped.
#[repr(C)]
pub struct ArrowArrayStream {
    get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    private_data: *mut c_void,
}

// SAFETY: the pointers lead to boxes that the stream owns, whose contents may be sent to other threads.
unsafe impl Send for ArrowArrayStream {}

type Next = dyn FnMut() -> Option<Batch> + Send;

/// What a stream owns.
struct Source {
    /// A batch without rows, which has the columns of all batches.
    empty: Batch,
    next: Box<Next>,
}

/// What a type owns. The pointers of the struct lead into it.
struct SchemaParts {
    _format: CString,
    _name: CString,
    children: Vec<*mut ArrowSchema>,
}

/// What an array owns. The pointers of the struct lead into it.
struct ArrayParts {
    _owned: Vec<Buffer>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
}

impl ArrowArrayStream {
    /// Returns a stream of the batches that `next` gives until it gives none. All have the columns of `empty`.
    pub fn new(empty: Batch, next: impl FnMut() -> Option<Batch> + Send + 'static) -> Self {
        let source = Box::new(Source { empty, next: Box::new(next) });
        Self {
            get_schema: Some(get_schema),
            get_next: Some(get_next),
            get_last_error: Some(get_last_error),
            release: Some(release_stream),
            private_data: Box::into_raw(source).cast(),
        }
    }
}

impl Drop for ArrowArrayStream {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: a stream that has `release` is not released yet, and nobody else has it.
            unsafe { release(self) };
        }
    }
}

impl ArrowSchema {
    fn new(array: &Array) -> Self {
        let mut children: Vec<_> =
            array.children.iter().map(|child| Box::into_raw(Box::new(Self::new(child)))).collect();
        let (format, name) = (c_string(array.format), c_string(&array.name));
        Self {
            format: format.as_ptr(),
            name: name.as_ptr(),
            metadata: null(),
            flags: if array.is_nullable { NULLABLE } else { 0 },
            n_children: children.len() as i64,
            children: children.as_mut_ptr(),
            dictionary: null_mut(),
            release: Some(release_schema),
            private_data: Box::into_raw(Box::new(SchemaParts { _format: format, _name: name, children })).cast(),
        }
    }
}

impl ArrowArray {
    /// A released array, which says that a stream has ended.
    fn end() -> Self {
        Self {
            length: 0,
            null_count: 0,
            offset: 0,
            n_buffers: 0,
            n_children: 0,
            buffers: null_mut(),
            children: null_mut(),
            dictionary: null_mut(),
            release: None,
            private_data: null_mut(),
        }
    }

    fn new(array: Array) -> Self {
        let children = array.children.into_iter().map(|child| Box::into_raw(Box::new(Self::new(child)))).collect();
        let buffers = array.buffers.iter().map(pointer).collect();
        let mut parts = Box::new(ArrayParts { _owned: array.buffers, buffers, children });
        Self {
            length: array.length as i64,
            null_count: array.nulls as i64,
            offset: 0,
            n_buffers: parts.buffers.len() as i64,
            n_children: parts.children.len() as i64,
            buffers: parts.buffers.as_mut_ptr(),
            children: parts.children.as_mut_ptr(),
            dictionary: null_mut(),
            release: Some(release_array),
            private_data: Box::into_raw(parts).cast(),
        }
    }
}

/// Names of columns and formats have no zero byte; an empty text would stand for one that has.
fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// Returns where a buffer lies; null for an empty one, whose address would not be aligned.
fn pointer(buffer: &Buffer) -> *const c_void {
    fn of<T>(values: &[T]) -> *const c_void {
        if values.is_empty() { null() } else { values.as_ptr().cast() }
    }
    match buffer {
        Buffer::None => null(),
        Buffer::Bytes(values) => of(values),
        Buffer::Small(values) => of(values),
        Buffer::Offsets(values) => of(values),
        Buffer::Numbers(values) => of(values),
        Buffer::Integers(values) => of(values),
        Buffer::Floats(values) => of(values),
    }
}

/// Runs what makes a struct. A panic must not unwind into the code of a consumer, so it becomes an error.
fn guarded(work: impl FnOnce()) -> c_int {
    catch_unwind(AssertUnwindSafe(work)).map_or(EIO, |()| 0)
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    guarded(|| {
        // SAFETY: the stream is not released, so its source is there, and no other thread uses it.
        let source = unsafe { &*(*stream).private_data.cast::<Source>() };
        let schema = ArrowSchema::new(&of_batch(source.empty.clone()));
        // SAFETY: `out` is memory of the consumer that holds no struct yet.
        unsafe { out.write(schema) };
    })
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    guarded(|| {
        // SAFETY: as in `get_schema`.
        let source = unsafe { &mut *(*stream).private_data.cast::<Source>() };
        let array = (source.next)().map_or_else(ArrowArray::end, |batch| ArrowArray::new(of_batch(batch)));
        // SAFETY: as in `get_schema`.
        unsafe { out.write(array) };
    })
}

unsafe extern "C" fn get_last_error(_stream: *mut ArrowArrayStream) -> *const c_char {
    c"netmon could not make a batch".as_ptr()
}

unsafe extern "C" fn release_stream(stream: *mut ArrowArrayStream) {
    // SAFETY: a stream is released once, and `private_data` is the box that `new` made.
    unsafe {
        drop(Box::from_raw((*stream).private_data.cast::<Source>()));
        (*stream).release = None;
        (*stream).private_data = null_mut();
    }
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: a type is released once; `private_data` and the children are the boxes that `new` made. A child that was
    // moved out has no `release`.
    unsafe {
        let parts = Box::from_raw((*schema).private_data.cast::<SchemaParts>());
        for &child in &parts.children {
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
        (*schema).release = None;
        (*schema).private_data = null_mut();
    }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as in `release_schema`.
    unsafe {
        let parts = Box::from_raw((*array).private_data.cast::<ArrayParts>());
        for &child in &parts.children {
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
        (*array).release = None;
        (*array).private_data = null_mut();
    }
}

#[cfg(test)]
mod tests;
