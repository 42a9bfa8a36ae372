#include <libpq-fe.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* glibc shows it to _GNU_SOURCE only, which a module cannot define for who imports it. */
extern int pthread_setname_np(pthread_t thread, const char *name);

/* Bytes that can be read from a socket; 0 on success. ioctl is variadic, which Swift cannot call. */
static inline int clientele_readable(int descriptor, int *count) {
  return ioctl(descriptor, FIONREAD, count);
}
