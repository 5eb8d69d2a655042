#!/usr/bin/python3
"""Write the guest's /usr/bin/sudo: a setuid starter that becomes root and runs /usr/lib/alto/sudo.

usage: make_sudo.py FILE

A script cannot be setuid and the image has no compiler and no PAM, so these few x86-64 instructions are
written as a static ELF program here: setgid(0); setuid(0); execve(path, argv, envp); exit(127).
"""

import struct
import sys

BASE = 0x400000
PATH = b"/usr/lib/alto/sudo\0"
HEADERS_BYTES = 64 + 56


def code() -> bytes:
    """The instructions; `lea rdi` gets the distance to the path, which follows them."""
    before = (
        b"\x31\xff\xb8\x6a\x00\x00\x00\x0f\x05"  # xor edi,edi; mov eax,106 (setgid); syscall
        b"\x31\xff\xb8\x69\x00\x00\x00\x0f\x05"  # xor edi,edi; mov eax,105 (setuid); syscall
        b"\x48\x8b\x0c\x24"  # mov rcx,[rsp]: argc
        b"\x48\x8d\x74\x24\x08"  # lea rsi,[rsp+8]: argv
        b"\x48\x8d\x54\xcc\x10"  # lea rdx,[rsp+rcx*8+16]: envp
    )
    after = (
        b"\xb8\x3b\x00\x00\x00\x0f\x05"  # mov eax,59 (execve); syscall
        b"\xbf\x7f\x00\x00\x00\xb8\x3c\x00\x00\x00\x0f\x05"  # mov edi,127; mov eax,60 (exit); syscall
    )
    return before + b"\x48\x8d\x3d" + struct.pack("<i", len(after)) + after + PATH


def elf(text: bytes) -> bytes:
    """A static 64-bit ELF with one segment that holds everything."""
    size = HEADERS_BYTES + len(text)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS_BYTES, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + text


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as f:
        f.write(elf(code()))
