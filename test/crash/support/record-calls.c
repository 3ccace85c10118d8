// Preloaded into a broker: records, in one order, each call that changes RECORD_DIRECTORY or makes
// it durable, and how many bytes went to TCP connections between them. RECORD_TO says where: a file
// outside. With RECORD_KILL="12 any" the process kills itself right after its 12th call, with "12
// sync" when it next begins to sync a segment: what it wrote to that is not durable then.
//
// One mutex holds a call and its record together, so that the record is what happened. A sync is
// recorded when it begins and when it has succeeded, and does not hold the others up. A record is a
// line, and behind that of a write the bytes. A call that fails, or takes fewer bytes than it was
// given, is not what this is for: the process aborts.

#include "log-calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char kill_at[8];
static int record = -1, calls, kill_after, syncs;

__attribute__((constructor)) static void begin(void) {
  const char *to = getenv("RECORD_TO"), *kill_what = getenv("RECORD_KILL");
  directory = getenv("RECORD_DIRECTORY");
  if (to == NULL || directory == NULL) return;
  if (kill_what != NULL && sscanf(kill_what, "%d %7s", &kill_after, kill_at) != 2) abort();
  record = REAL(open64)(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (record < 0) abort();
}

static int is_tcp(int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) return 0;
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

static void put(const void *bytes, size_t count) {
  if (REAL(write)(record, bytes, count) != (ssize_t)count) abort();
}

// Called with the mutex held.
static void note(const char *format, ...) {
  char line[4200];
  va_list rest;
  va_start(rest, format);
  int length = vsnprintf(line, sizeof line, format, rest);
  va_end(rest);
  put(line, length);
}

// Called with the mutex held, which is never given back by one that dies.
static void done(int syncs_segment) {
  calls += 1;
  int is_the_one = strcmp(kill_at, "sync") == 0 ? calls >= kill_after && syncs_segment
                                                : calls == kill_after;
  if (!is_the_one) return;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static ssize_t written(int fd, const struct iovec *parts, int count, off64_t offset) {
  char path[4096];
  const char *name = record < 0 ? NULL : inside_of(fd, path, sizeof path);
  int is_sent = name == NULL && record >= 0 && is_tcp(fd);
  if (name != NULL || is_sent) pthread_mutex_lock(&mutex);
  off64_t at = offset < 0 && name != NULL ? lseek64(fd, 0, SEEK_CUR) : offset;
  ssize_t result = offset < 0 ? REAL(writev)(fd, parts, count)
                              : REAL(pwritev64)(fd, parts, count, offset);
  if (is_sent && result > 0) {
    note("sent %zd\n", result);
    done(0);
  }
  if (name != NULL) {
    size_t total = 0;
    for (int part = 0; part < count; part++) total += parts[part].iov_len;
    if (result != (ssize_t)total) abort();
    note("write %lld %zu %s\n", (long long)at, total, name);
    for (int part = 0; part < count; part++) put(parts[part].iov_base, parts[part].iov_len);
    done(0);
  }
  if (name != NULL || is_sent) pthread_mutex_unlock(&mutex);
  return result;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  struct iovec part = {(void *)bytes, count};
  return written(fd, &part, 1, -1);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return written(fd, parts, count, -1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  struct iovec part = {(void *)bytes, count};
  return written(fd, &part, 1, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return written(fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

static int synced(int fd, int (*real)(int)) {
  char path[4096];
  const char *name = record < 0 ? NULL : inside_of(fd, path, sizeof path);
  if (name == NULL) return real(fd);
  pthread_mutex_lock(&mutex);
  int number = ++syncs;
  note("sync %d %s\n", number, name);
  done(strstr(name, ".wq") != NULL);
  pthread_mutex_unlock(&mutex);
  if (real(fd) != 0) abort();
  pthread_mutex_lock(&mutex);
  note("synced %d\n", number);
  done(0);
  pthread_mutex_unlock(&mutex);
  return 0;
}

int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int fsync(int fd) { return synced(fd, REAL(fsync)); }

// A call that changes names: recorded if it succeeds.
#define CHANGED(name, real, ...) \
  do { \
    if (record < 0 || (name) == NULL) return real; \
    pthread_mutex_lock(&mutex); \
    int result = real; \
    if (result >= 0) { \
      note(__VA_ARGS__); \
      done(0); \
    } \
    pthread_mutex_unlock(&mutex); \
    return result; \
  } while (0)

int rename(const char *from, const char *to) {
  CHANGED(inside(from), REAL(rename)(from, to), "rename %s %s\n", inside(from), inside(to));
}

int unlink(const char *path) {
  CHANGED(inside(path), REAL(unlink)(path), "unlink %s\n", inside(path));
}

int mkdir(const char *path, mode_t mode) {
  CHANGED(inside(path), REAL(mkdir)(path, mode), "mkdir %s\n", inside(path));
}

int rmdir(const char *path) {
  CHANGED(inside(path), REAL(rmdir)(path), "unlink %s\n", inside(path));
}

int ftruncate64(int fd, off64_t length) {
  char path[4096];
  const char *name = record < 0 ? NULL : inside_of(fd, path, sizeof path);
  CHANGED(name, REAL(ftruncate64)(fd, length), "truncate %lld %s\n", (long long)length, name);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

// One that is there already is emptied, if it is so opened; else it is as it was.
static int opened(const char *path, int flags, mode_t mode, const char *name) {
  int is_new = access(path, F_OK) != 0;
  if (!is_new && (flags & O_TRUNC) == 0) return REAL(open64)(path, flags, mode);
  CHANGED(name, REAL(open64)(path, flags, mode), is_new ? "create %s\n" : "truncate 0 %s\n", name);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  int makes = (flags & O_CREAT) != 0 || (flags & O_TRUNC) != 0;
  const char *name = record < 0 || !makes ? NULL : inside(path);
  return name == NULL ? REAL(open64)(path, flags, mode) : opened(path, flags, mode, name);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open64(path, flags, mode);
}
