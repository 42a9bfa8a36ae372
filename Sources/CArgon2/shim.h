#include <argon2.h>
/* mallopt, so that the memory of a hash goes back to the kernel. */
#ifdef __linux__
#include <malloc.h>
#endif
