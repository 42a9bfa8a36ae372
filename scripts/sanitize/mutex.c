// Tells the thread sanitizer what it cannot see: when two threads want one of Swift's Mutexes at
// once, it passes from one to the other inside libswiftSynchronization, which is not instrumented,
// and the sanitizer takes what they do under it for a race. Preloaded by scripts/sanitize.sh; the
// uncontended way is compiled into our own code and needs no help.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

SWIFT void lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool try_lock(SELF) __asm__(TRY_LOCK);
SWIFT void unlock(SELF) __asm__(UNLOCK);

SWIFT void lock(uint32_t thread, SELF) {
  typedef SWIFT void (*Next)(uint32_t, SELF);
  static Next next;
  if (!next) next = (Next)dlsym(RTLD_NEXT, LOCK);
  next(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT bool try_lock(SELF) {
  typedef SWIFT bool (*Next)(SELF);
  static Next next;
  if (!next) next = (Next)dlsym(RTLD_NEXT, TRY_LOCK);
  bool taken = next(self);
  if (taken && __tsan_acquire) __tsan_acquire(self);
  return taken;
}

SWIFT void unlock(SELF) {
  typedef SWIFT void (*Next)(SELF);
  static Next next;
  if (!next) next = (Next)dlsym(RTLD_NEXT, UNLOCK);
  if (__tsan_release) __tsan_release(self);
  next(self);
}
