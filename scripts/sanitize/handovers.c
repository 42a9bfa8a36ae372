// Tells the thread sanitizer of the orders that Swift's own libraries keep where it cannot see them,
// as they are not instrumented: without it correct programs of a few lines are reported, such as
// planted.swift has them. Preloaded by scripts/sanitize.sh; what it knows is announced as an
// order between the two threads that are in it, never between others, so that no report of ours
// goes unseen.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SWIFT_ASYNC __attribute__((swiftasynccall))
#define SELF __attribute__((swift_context)) void *self
#define NEXT(type, name) \
  static type next; \
  if (!next) next = (type)dlsym(RTLD_NEXT, name)

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

static void acquire(void *address) {
  if (__tsan_acquire) __tsan_acquire(address);
}

static void release(void *address) {
  if (__tsan_release) __tsan_release(address);
}

// Mutex: when two threads want it at once, it passes from one to the other inside
// libswiftSynchronization. The uncontended way is compiled into our own code and needs no help.

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void mutex_lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool mutex_try_lock(SELF) __asm__(TRY_LOCK);
SWIFT void mutex_unlock(SELF) __asm__(UNLOCK);

SWIFT void mutex_lock(uint32_t thread, SELF) {
  typedef SWIFT void (*Next)(uint32_t, SELF);
  NEXT(Next, LOCK);
  next(thread, self);
  acquire(self);
}

SWIFT bool mutex_try_lock(SELF) {
  typedef SWIFT bool (*Next)(SELF);
  NEXT(Next, TRY_LOCK);
  bool taken = next(self);
  if (taken) acquire(self);
  return taken;
}

SWIFT void mutex_unlock(SELF) {
  typedef SWIFT void (*Next)(SELF);
  NEXT(Next, UNLOCK);
  release(self);
  next(self);
}

// Continuations: the runtime announces the resumption on the task's address, and hears it when the
// task runs again as a job. A continuation that is resumed before its task waits goes on at once,
// without a job, and the runtime does not hear it (swift_continuation_await in Task.cpp). Whether
// it is so is only known for sure while nobody can resume it: hence the locks, which are not seen
// by the sanitizer and so announce nothing themselves.

enum { PENDING = 0, RESUMED = 2, LOCK_COUNT = 256 };

// The head of ContinuationAsyncContext (swift/ABI/Task.h).
struct Continuation {
  void *parent;
  void *resume_parent;
  size_t flags;
  _Atomic size_t state;
};

struct Lock {
  _Atomic(void *) owner;
  int depth;
};

static struct Lock locks[LOCK_COUNT];
static _Thread_local char me;

static struct Lock *hold(void *task) {
  struct Lock *lock = &locks[((uintptr_t)task >> 6) % LOCK_COUNT];
  if (atomic_load(&lock->owner) != &me) {
    void *nobody = NULL;
    while (!atomic_compare_exchange_weak(&lock->owner, &nobody, &me)) {
      nobody = NULL;
      sched_yield();
    }
  }
  lock->depth += 1;
  return lock;
}

static void let_go(struct Lock *lock) {
  lock->depth -= 1;
  if (lock->depth == 0) atomic_store(&lock->owner, NULL);
}

extern SWIFT void *swift_task_getCurrent(void) __attribute__((weak));

SWIFT_ASYNC void swift_continuation_await(struct Continuation *continuation) {
  typedef SWIFT_ASYNC void (*Next)(struct Continuation *);
  NEXT(Next, "swift_continuation_await");
  void *task = swift_task_getCurrent();
  struct Lock *lock = hold(task);
  if (atomic_load(&continuation->state) == PENDING) {
    // It suspends and comes back: nobody can resume it meanwhile.
    next(continuation);
    let_go(lock);
    return;
  }
  let_go(lock);
  acquire(task);
  __attribute__((musttail)) return next(continuation);
}

SWIFT void swift_continuation_resume(void *task) {
  typedef SWIFT void (*Next)(void *);
  NEXT(Next, "swift_continuation_resume");
  struct Lock *lock = hold(task);
  next(task);
  let_go(lock);
}

SWIFT void swift_continuation_throwingResume(void *task) {
  typedef SWIFT void (*Next)(void *);
  NEXT(Next, "swift_continuation_throwingResume");
  struct Lock *lock = hold(task);
  next(task);
  let_go(lock);
}

SWIFT void swift_continuation_throwingResumeWithError(void *task, void *error) {
  typedef SWIFT void (*Next)(void *, void *);
  NEXT(Next, "swift_continuation_throwingResumeWithError");
  struct Lock *lock = hold(task);
  next(task, error);
  let_go(lock);
}
