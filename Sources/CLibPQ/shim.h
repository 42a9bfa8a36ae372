#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* glibc shows it to _GNU_SOURCE only, which a module cannot define for who imports it. */
extern int pthread_setname_np(pthread_t thread, const char *name);
