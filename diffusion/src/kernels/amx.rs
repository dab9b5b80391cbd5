//! The tile registers of Intel's AMX: 16 rows of 32 `bfloat16` numbers times 32 columns of 16, summed in single precision.
//!
//! Nothing but the instructions is here, as inline assembly: neither the standard library nor Miri know them. What they read and
//! write is checked before each call, and the tests put guards around it.

// Instructions without a name in Rust; each use says why it is sound.
#![allow(unsafe_code)]

use std::{
    arch::{
        asm,
        x86_64::{__cpuid, __cpuid_count},
    },
    cell::Cell,
    sync::OnceLock,
};

use super::{
    engine::{Block, Factor},
    lines::{Line, Parts},
};

/// Proof that this process may use tile registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amx(());

impl Amx {
    /// The proof, where the CPU has AMX with `bfloat16` and the operating system lets this process use it.
    pub(super) fn find() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        FOUND.get_or_init(|| has_instructions() && is_permitted()).then_some(Self(()))
    }

    /// Prepares the registers of this thread until the result is dropped.
    #[expect(clippy::unused_self, reason = "who has one may use the instructions; there is nothing else in it")]
    pub(super) fn enter(self) -> Session {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        if depth == 0 {
            configure();
        }
        Session(std::marker::PhantomData)
    }
}

/// CPUID's leaf 7: AMX-BF16 is bit 22, AMX-TILE bit 24, and AVX-512 with `bfloat16` comes with them; XCR0's bits 17 and 18 say that
/// the operating system keeps tile registers when it switches tasks.
fn has_instructions() -> bool {
    const TILES: u32 = 1 << 22 | 1 << 24;
    const XSAVE: u32 = 1 << 27;
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & XSAVE == 0 || __cpuid_count(7, 0).edx & TILES != TILES {
        return false;
    }
    let low: u32;
    // SAFETY: the bit of CPUID that was looked at says that XGETBV may be called; it only reads register XCR0.
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack)) };
    low >> 17 & 3 == 3
}

/// Linux hands tile registers out on demand: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, once a process.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: the call takes two numbers and touches no memory of ours; RCX and R11 are what any system call overwrites.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

thread_local! {
    /// How many sessions this thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// This thread's tile registers are prepared: eight of 16 rows of 64 bytes. It cannot go to another thread.
pub(super) struct Session(std::marker::PhantomData<*const ()>);

impl Drop for Session {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            // SAFETY: the registers were prepared by this thread, and no session needs them any more.
            unsafe { asm!("tilerelease", options(nomem, nostack)) };
        }
    }
}

fn configure() {
    #[repr(C, align(64))]
    struct Palette([u8; 64]);
    // Palette 1; bytes a row from byte 16 on, two bytes each; rows from byte 48 on.
    let mut palette = Palette([0; 64]);
    palette.0[0] = 1;
    for tile in 0..8 {
        palette.0[16 + 2 * tile] = 64;
        palette.0[48 + tile] = 16;
    }
    // SAFETY: only who holds an `Amx` comes here, so that the instruction exists and is permitted; it reads the 64 bytes of `palette`.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const palette, options(nostack, readonly)) };
}

impl Session {
    /// `block` (plus what is there, if `add`) becomes the sum of products of 32 rows with 32 columns: see [`Factor`].
    #[expect(clippy::unused_self, reason = "who has one may use the instructions; there is nothing else in it")]
    pub(super) fn multiply(&self, factor: &Factor<'_>, columns: &[Line], block: &mut Block, add: bool) {
        factor.check(columns);
        let [mut first, mut second] = [[std::ptr::null::<Line>(); Factor::MOST]; 2];
        for (place, [a, b]) in factor.segments.iter().enumerate() {
            first[place] = &raw const factor.lines[*a];
            second[place] = &raw const factor.lines[*b];
        }
        let pointers = [first.as_ptr(), second.as_ptr()];
        let (segments, steps, stride) = (factor.segments.len(), factor.steps, factor.stride * size_of::<Line>());
        // SAFETY: a session proves that the instructions exist, are permitted and the registers are prepared. Every segment is
        // read from its two places on: 16 rows, `stride` bytes from one to the next, of `steps * parts` lines, which
        // `Factor::check` found inside of `factor.lines`; it found `segments * steps * parts * 32` lines in `columns`, in
        // whose order they are read. `block` is 32 rows of 128 bytes. Tile registers are nobody else's: the compiler knows none.
        match factor.parts {
            Parts::One => unsafe { one(pointers, segments, steps, stride, columns.as_ptr(), block, add) },
            Parts::Two => unsafe { two(pointers, segments, steps, stride, columns.as_ptr(), block, add) },
        }
    }
}

/// Both kernels: registers 0 to 3 hold the block, 4 and 5 rows, 6 and 7 columns.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, [$($step:literal),*], $columns:literal, $rows:literal) => {
        $(#[$doc])*
        unsafe fn $name(
            pointers: [*const *const Line; 2],
            segments: usize,
            steps: usize,
            stride: usize,
            columns: *const Line,
            block: &mut Block,
            add: bool,
        ) {
            // SAFETY: as the caller says.
            unsafe {
                asm!(
                    "test {k}, {k}",
                    "jz 5f",
                    "mov {k}, 128",
                    "tileloadd tmm0, [{c} + {k}]",
                    "tileloadd tmm1, [{c} + {k} + 64]",
                    "tileloadd tmm2, [{c} + {k} + 2048]",
                    "tileloadd tmm3, [{c} + {k} + 2112]",
                    "jmp 2f",
                    "5:",
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "mov {a0}, [{p0}]",
                    "mov {a1}, [{p1}]",
                    "add {p0}, 8",
                    "add {p1}, 8",
                    "mov {k}, {steps}",
                    "3:",
                    $($step,)*
                    concat!("add {b}, ", $columns),
                    concat!("add {a0}, ", $rows),
                    concat!("add {a1}, ", $rows),
                    "dec {k}",
                    "jnz 3b",
                    "dec {n}",
                    "jnz 2b",
                    "mov {k}, 128",
                    "tilestored [{c} + {k}], tmm0",
                    "tilestored [{c} + {k} + 64], tmm1",
                    "tilestored [{c} + {k} + 2048], tmm2",
                    "tilestored [{c} + {k} + 2112], tmm3",
                    p0 = inout(reg) pointers[0] => _,
                    p1 = inout(reg) pointers[1] => _,
                    n = inout(reg) segments => _,
                    steps = in(reg) steps,
                    sa = in(reg) stride,
                    b = inout(reg) columns => _,
                    sb = in(reg) 64usize,
                    c = in(reg) std::ptr::from_mut(block),
                    a0 = out(reg) _,
                    a1 = out(reg) _,
                    k = inout(reg) usize::from(add) => _,
                    options(nostack),
                );
            }
        }
    };
}

kernel!(
    /// Each number is one part: 32 lines of columns and a line of each row a step.
    one,
    [
        "tileloadd tmm6, [{b} + {sb}]",
        "tileloadd tmm4, [{a0} + {sa}]",
        "tileloadd tmm7, [{b} + {sb} + 1024]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{a1} + {sa}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ],
    "2048",
    "64"
);

kernel!(
    /// Each number is two parts: the coarse rows meet the fine columns, then the coarse ones, then the fine rows meet those.
    two,
    [
        "tileloadd tmm6, [{b} + {sb}]",
        "tileloadd tmm4, [{a0} + {sa}]",
        "tileloadd tmm7, [{b} + {sb} + 1024]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tileloadd tmm5, [{a1} + {sa}]",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tileloadd tmm6, [{b} + {sb} + 2048]",
        "tdpbf16ps tmm3, tmm5, tmm7",
        "tileloadd tmm7, [{b} + {sb} + 3072]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tileloadd tmm4, [{a0} + {sa} + 64]",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7",
        "tileloadd tmm5, [{a1} + {sa} + 64]",
        "tdpbf16ps tmm0, tmm4, tmm6",
        "tdpbf16ps tmm1, tmm4, tmm7",
        "tdpbf16ps tmm2, tmm5, tmm6",
        "tdpbf16ps tmm3, tmm5, tmm7"
    ],
    "4096",
    "128"
);
