// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
//! Lock a buffer and print its physical addresses, as first.c does.
//!
//!     rustc -l contig first.rs
//!
//! The declarations are those that bindgen makes of contig.h.
use std::ffi::c_void;
use std::io::{Error, Result};
use std::mem::size_of;
use std::os::raw::c_char;
use std::ptr;

#[repr(C)]
struct contig {
    _private: [u8; 0],
}

#[repr(C)]
struct contig_open_opts {
    sz: usize,
    path: *const c_char,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct contig_extent {
    addr: u64,
    length: u64,
}

extern "C" {
    fn contig_open_opts_init(opts: *mut contig_open_opts, size: usize) -> i32;
    fn contig_open(client: *mut *mut contig, opts: *const contig_open_opts) -> i32;
    fn contig_close(client: *mut contig);
    fn contig_lock(client: *mut contig, addr: *const c_void, length: usize, flags: u32) -> i32;
    fn contig_unlock(client: *mut contig, addr: *const c_void, length: usize) -> i32;
    fn contig_get_physical(
        client: *mut contig,
        addr: *mut *const c_void,
        length: *mut usize,
        extents: *mut contig_extent,
        count: *mut u32,
    ) -> i32;
}

/// Make a Result of what a function of the library returns.
fn check(result: i32) -> Result<()> {
    match result {
        0 => Ok(()),
        error => Err(Error::from_raw_os_error(-error)),
    }
}

struct Client(*mut contig);

impl Client {
    fn open() -> Result<Client> {
        let mut opts = contig_open_opts { sz: 0, path: ptr::null() };
        let mut client = ptr::null_mut();
        check(unsafe { contig_open_opts_init(&mut opts, size_of::<contig_open_opts>()) })?;
        check(unsafe { contig_open(&mut client, &opts) })?;
        Ok(Client(client))
    }

    fn lock<'a>(&'a self, data: &'a [u8]) -> Result<Lock<'a>> {
        check(unsafe { contig_lock(self.0, data.as_ptr().cast(), data.len(), 0) })?;
        Ok(Lock { client: self, data })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { contig_close(self.0) }
    }
}

struct Lock<'a> {
    client: &'a Client,
    data: &'a [u8],
}

impl Lock<'_> {
    fn extents(&self) -> Result<Vec<contig_extent>> {
        let mut next: *const c_void = self.data.as_ptr().cast();
        let mut left = self.data.len();
        let mut extents = Vec::new();
        while left > 0 {
            let mut table = [contig_extent { addr: 0, length: 0 }; 8];
            let mut count = table.len() as u32;
            check(unsafe {
                contig_get_physical(
                    self.client.0,
                    &mut next,
                    &mut left,
                    table.as_mut_ptr(),
                    &mut count,
                )
            })?;
            extents.extend_from_slice(&table[..count as usize]);
        }
        Ok(extents)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        unsafe { contig_unlock(self.client.0, self.data.as_ptr().cast(), self.data.len()) };
    }
}

fn main() -> Result<()> {
    let data = vec![0u8; 65536];
    let client = Client::open()?;
    for extent in client.lock(&data)?.extents()? {
        println!("{:#014x} {:6} bytes", extent.addr, extent.length);
    }
    Ok(())
}
