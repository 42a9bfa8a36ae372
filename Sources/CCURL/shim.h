#ifndef CLIENTELE_CCURL_SHIM_H
#define CLIENTELE_CCURL_SHIM_H

#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call. One function for
// each type of argument in use.

static inline CURLcode clientele_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode clientele_curl_set_string(CURL *handle, CURLoption option,
                                                 const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode clientele_curl_set_list(CURL *handle, CURLoption option,
                                               struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode clientele_curl_response_code(CURL *handle, long *code) {
  return curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, code);
}

// What is uploaded: bytes of the caller's, borrowed for the length of curl_easy_perform.
struct clientele_curl_upload {
  const unsigned char *bytes;
  size_t length;
  size_t offset;
};

static inline size_t clientele_curl_read(char *into, size_t size, size_t count, void *from) {
  struct clientele_curl_upload *upload = (struct clientele_curl_upload *)from;
  size_t room = size * count;
  size_t left = upload->length - upload->offset;
  size_t taken = left < room ? left : room;
  memcpy(into, upload->bytes + upload->offset, taken);
  upload->offset += taken;
  return taken;
}

static inline CURLcode clientele_curl_set_upload(CURL *handle,
                                                 struct clientele_curl_upload *upload) {
  CURLcode code = curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
  if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_READFUNCTION, clientele_curl_read);
  if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_READDATA, upload);
  return code;
}

static inline size_t clientele_curl_drop(char *bytes, size_t size, size_t count, void *nowhere) {
  (void)bytes;
  (void)nowhere;
  return size * count;
}

// Drops what a server says beside its status; left alone, libcurl prints it.
static inline CURLcode clientele_curl_discard_answer(CURL *handle) {
  return curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, clientele_curl_drop);
}

// Cuts the connection that is still open, so that curl_easy_cleanup does not wait two minutes for a
// server that hangs to answer its QUIT.
static inline void clientele_curl_cut(CURL *handle) {
  curl_socket_t socket = CURL_SOCKET_BAD;
  if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK) return;
  if (socket != CURL_SOCKET_BAD) shutdown(socket, SHUT_RDWR);
}

static inline CURLcode clientele_curl_global_init(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT);
}

#endif
