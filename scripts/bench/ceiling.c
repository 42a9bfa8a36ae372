/* The barest server of bench.v1.Echo/Unary on libnghttp2 and libprotobuf-c, both as they come: one
   thread, one epoll loop, HTTP/2 in clear by prior knowledge, no limits, deadlines or metrics. The
   echo server is held against it by echo.py, which also compiles it.

       ceiling PORT */
#define _GNU_SOURCE
#include "bench/v1/bench.pb-c.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STREAMS_MAX = 128, BODY_MAX = 8 * 1024, PREFIX = 5, EVENTS_MAX = 64 };
enum { IN_MAX = 64 * 1024, OUT_MAX = 64 * 1024, FRAME_MAX = 20 * 1024 };

#define FIELD(name, value)                                                                         \
  {(uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1,                           \
   NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}

/* One stream; the bytes are the request's, then the answer's. */
typedef struct {
  size_t length, sent;
  int known;
  uint8_t bytes[BODY_MAX];
} call;

typedef struct {
  int socket;
  nghttp2_session *session;
  /* What the socket has not taken yet. */
  size_t begin, end;
  uint8_t out[OUT_MAX];
  /* Those of the calls that no stream has now. */
  size_t spare_count;
  call *spare[STREAMS_MAX], calls[STREAMS_MAX];
} connection;

static const char path[] = "/bench.v1.Echo/Unary";
static nghttp2_session_callbacks *callbacks;
static int poller;

/* The answer's bytes, and after the last of them the trailers. */
static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *data) {
  (void)data;
  call *it = source->ptr;
  size_t count = it->length - it->sent < room ? it->length - it->sent : room;
  memcpy(to, it->bytes + it->sent, count);
  it->sent += count;
  if (it->sent == it->length) {
    nghttp2_nv trailers[] = {FIELD("grpc-status", "0")};
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(session, stream, trailers, 1) != 0)
      return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  return (ssize_t)count;
}

/* Replaces the request's frame by the answer's; false if it is not one whole message. */
static int echo(call *it) {
  uint32_t announced;
  if (it->length < PREFIX || it->bytes[0] != 0) return 0;
  memcpy(&announced, it->bytes + 1, sizeof announced);
  if (ntohl(announced) != it->length - PREFIX) return 0;
  Bench__V1__EchoRequest *request =
      bench__v1__echo_request__unpack(NULL, it->length - PREFIX, it->bytes + PREFIX);
  if (request == NULL) return 0;
  Bench__V1__EchoResponse response = BENCH__V1__ECHO_RESPONSE__INIT;
  response.payload = request->payload;
  response.n = request->n;
  size_t size = bench__v1__echo_response__get_packed_size(&response);
  announced = htonl((uint32_t)size);
  if (size <= BODY_MAX - PREFIX) {
    memcpy(it->bytes + 1, &announced, sizeof announced);
    it->length = PREFIX + bench__v1__echo_response__pack(&response, it->bytes + PREFIX);
  }
  bench__v1__echo_request__free_unpacked(request, NULL);
  return size <= BODY_MAX - PREFIX;
}

static int answer(nghttp2_session *session, int32_t stream, call *it) {
  nghttp2_nv headers[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc"),
                          FIELD("grpc-status", "12")};
  nghttp2_data_provider provider = {{.ptr = it}, read_answer};
  if (it->known && echo(it)) return nghttp2_submit_response(session, stream, headers, 2, &provider);
  if (it->known) headers[2].value = (uint8_t *)"13";
  return nghttp2_submit_response(session, stream, headers, 3, NULL);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
  connection *whose = data;
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  /* Possible before the caller has seen the settings: this stream is reset. */
  if (whose->spare_count == 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  call *it = whose->spare[--whose->spare_count];
  it->length = it->sent = 0;
  it->known = 0;
  return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, it);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *data) {
  (void)flags, (void)data;
  if (name_length != 5 || memcmp(name, ":path", 5) != 0) return 0;
  call *it = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  it->known = value_length == sizeof path - 1 && memcmp(value, path, value_length) == 0;
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t length, void *data) {
  (void)flags, (void)data;
  call *it = nghttp2_session_get_stream_user_data(session, stream);
  if (length > BODY_MAX - it->length)
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
  memcpy(it->bytes + it->length, bytes, length);
  it->length += length;
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data) {
  (void)data;
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  call *it = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  return it == NULL ? 0 : answer(session, frame->hd.stream_id, it);
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *data) {
  (void)code;
  connection *whose = data;
  call *it = nghttp2_session_get_stream_user_data(session, stream);
  if (it != NULL) whose->spare[whose->spare_count++] = it;
  return 0;
}

/* Writes what there is to write until the socket takes no more; false if the connection is over. */
static int flush(connection *it) {
  for (int more = 1; more || it->begin < it->end;) {
    const uint8_t *bytes;
    ssize_t length;
    /* The library hands out a frame at a time, of 16 KiB at most. */
    for (more = 1; it->end < OUT_MAX - FRAME_MAX; it->end += (size_t)length) {
      length = nghttp2_session_mem_send(it->session, &bytes);
      if (length < 0 || (size_t)length > OUT_MAX - it->end) return 0;
      if ((more = length > 0) == 0) break;
      memcpy(it->out + it->end, bytes, (size_t)length);
    }
    if (it->begin == it->end) break;
    length = send(it->socket, it->out + it->begin, it->end - it->begin, MSG_NOSIGNAL);
    if (length < 0) return errno == EAGAIN;
    it->begin += (size_t)length;
    if (it->begin == it->end) it->begin = it->end = 0;
  }
  return nghttp2_session_want_read(it->session) || nghttp2_session_want_write(it->session);
}

/* Takes what has come; false if the connection is over. */
static int serve(connection *it) {
  static uint8_t in[IN_MAX];
  ssize_t length;
  do {
    if ((length = recv(it->socket, in, sizeof in, 0)) == 0) return 0;
    if (length < 0) return errno == EAGAIN && flush(it);
    if (nghttp2_session_mem_recv(it->session, in, (size_t)length) != length) return 0;
    if (!flush(it)) return 0;
  } while (length == sizeof in);
  return 1;
}

static void open_connection(int socket) {
  nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX}};
  connection *it = malloc(sizeof *it);
  if (it == NULL) abort();
  it->socket = socket;
  it->begin = it->end = 0;
  for (it->spare_count = 0; it->spare_count < STREAMS_MAX; it->spare_count++)
    it->spare[it->spare_count] = &it->calls[it->spare_count];
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {.ptr = it}};
  if (nghttp2_session_server_new(&it->session, callbacks, it) != 0 ||
      nghttp2_submit_settings(it->session, NGHTTP2_FLAG_NONE, settings, 1) != 0 ||
      epoll_ctl(poller, EPOLL_CTL_ADD, socket, &event) != 0)
    abort();
}

int main(int count, char **arguments) {
  int port = count == 2 ? atoi(arguments[1]) : 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (port <= 0 || port > 65535) return fprintf(stderr, "usage: ceiling PORT\n"), 64;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 128) != 0)
    return perror("ceiling"), 1;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  struct epoll_event events[EVENTS_MAX] = {{EPOLLIN, {.ptr = NULL}}};
  poller = epoll_create1(0);
  if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, events) != 0) return perror("ceiling"), 1;
  puts("listening");
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poller, events, EVENTS_MAX, -1);
    for (int i = 0; i < ready; i++) {
      connection *it = events[i].data.ptr;
      if (it == NULL) {
        for (int socket; (socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
          open_connection(socket);
      } else if (!serve(it)) {
        nghttp2_session_del(it->session);
        close(it->socket);
        free(it);
      }
    }
  }
}
