// Counts what is asked of the C library's allocator, in the program that this is linked into: its
// definitions come before those of the library, for the program and for every library it loads.
#include "CAllocationCount.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

bool clientele_allocations_are_counted(void) { return false; }
uint64_t clientele_allocations(void) { return 0; }
uint64_t clientele_allocations_here(void) { return 0; }

#else

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Atomic uint64_t total;
static __thread uint64_t here __attribute__((tls_model("initial-exec")));

static void count(void) {
  atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
  here += 1;
}

bool clientele_allocations_are_counted(void) { return true; }
uint64_t clientele_allocations(void) { return atomic_load_explicit(&total, memory_order_relaxed); }
uint64_t clientele_allocations_here(void) { return here; }

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  count();
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
  count();
  void *found = __libc_memalign(alignment, size);
  if (found == NULL && size > 0) return ENOMEM;
  *block = found;
  return 0;
}

#endif
