//! A stack of its own for the signal that an overflown stack raises, so that libFuzzer can still save the input.

use std::ptr;

/// Enough for libFuzzer to write a file and a backtrace.
const SIZE: usize = 256 << 10;

/// Makes signal handlers that are installed from now on run on another stack. Called once, before libFuzzer's.
pub fn use_own_stack() {
    let memory: &'static mut [u8] = Vec::leak(vec![0; SIZE]);
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: SIZE,
    };
    // SAFETY: the memory is never freed, and both structs are whole. libFuzzer keeps this flag of the present handler,
    // which is the default one, when it puts its own in the place.
    let outcome = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaltstack(&raw const stack, ptr::null_mut())
            | libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut())
    };
    assert_eq!(outcome, 0, "a stack for signals can be set");
}
