// Loops compiled for several instruction sets, the best of which is chosen when the program starts: the package is built
// for any x86-64 but must run as fast as the machine allows.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define NACRE_MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NACRE_MULTIVERSION
#endif
#define NACRE_INLINE inline __attribute__((always_inline))
