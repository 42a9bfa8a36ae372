/* Preloaded into h2load, which has no option for it: every TLS context it makes shows the
   certificate that H2LOAD_CERTIFICATE and H2LOAD_KEY name. Declared here, so that no headers of
   OpenSSL are needed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { PEM = 1 };

extern int SSL_CTX_use_certificate_chain_file(void *context, const char *path);
extern int SSL_CTX_use_PrivateKey_file(void *context, const char *path, int type);

void *SSL_CTX_new(const void *method) {
  void *(*real)(const void *) = (void *(*)(const void *))dlsym(RTLD_NEXT, "SSL_CTX_new");
  const char *certificate = getenv("H2LOAD_CERTIFICATE"), *key = getenv("H2LOAD_KEY");
  void *context = real == NULL ? NULL : real(method);
  if (context == NULL || certificate == NULL || key == NULL ||
      SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, PEM) != 1) {
    fprintf(stderr, "h2load: no client certificate\n");
    exit(1);
  }
  return context;
}
