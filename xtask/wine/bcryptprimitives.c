/*
 * bcryptprimitives.dll for Wine releases that lack it (8.0): Rust's standard library draws the
 * seeds of its hash maps from ProcessPrng. Test fixture only; it never ships. It can go when the
 * oldest Wine in use has the library itself.
 */
#include <windows.h>

/* RtlGenRandom by its exported name; advapi32's import library has it under this one only. */
BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    while (length > 0) {
        ULONG part = length > 0x10000000 ? 0x10000000 : (ULONG)length;
        if (!SystemFunction036(buffer, part))
            return FALSE;
        buffer += part;
        length -= part;
    }
    return TRUE;
}
