#pragma once
#include <stdbool.h>
#include <stdint.h>

/// Whether blocks are counted in this build: not under a sanitizer, which has an allocator itself.
bool clientele_allocations_are_counted(void);

/// Blocks that the whole process has asked for.
uint64_t clientele_allocations(void);

/// Blocks that the calling thread has asked for.
uint64_t clientele_allocations_here(void);
