// Preloaded into a broker: kills it with SIGKILL right before, within or after the n-th call of one
// kind on its log directory. LOG_KILL says which one, "write within 12", and LOG_KILL_DIR where.
// Calls: write (any that writes to a file), fdatasync, fsyncdir, rename, unlink.

#include "log-calls.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/uio.h>

static char wanted[16], moment[8];
static int wanted_number;
static atomic_int number;

__attribute__((constructor)) static void begin(void) {
  const char *what = getenv("LOG_KILL"), *where = getenv("LOG_KILL_DIR");
  if (what == NULL || where == NULL) return;
  if (sscanf(what, "%15s %7s %d", wanted, moment, &wanted_number) != 3) abort();
  directory = where;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_inside(const char *path) {
  const char *name = inside(path);
  return name != NULL && strcmp(name, ".") != 0;
}

static int is_file_of_log(int fd) {
  char path[4096];
  return inside_of(fd, path, sizeof path) != NULL && is_inside(path);
}

static int is_directory_of_log(int fd) {
  char path[4096];
  const char *name = inside_of(fd, path, sizeof path);
  return name != NULL && strcmp(name, ".") == 0;
}

// Counts a call; true where it is the one.
static int is_the_one(const char *call, int concerns_log) {
  if (!concerns_log || strcmp(call, wanted) != 0) return 0;
  if (atomic_fetch_add(&number, 1) + 1 != wanted_number) return 0;
  if (strcmp(moment, "before") == 0) die();
  return 1;
}

#define KILLED(result, call, concerns_log, real, within) \
  do { \
    int the_one = is_the_one(call, concerns_log); \
    if (the_one && strcmp(moment, "within") == 0) { within; die(); } \
    result = real; \
    if (the_one) die(); \
    return result; \
  } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
  ssize_t result;
  KILLED(result, "write", is_file_of_log(fd), REAL(write)(fd, bytes, count),
         REAL(write)(fd, bytes, count / 2));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  ssize_t result;
  KILLED(result, "write", is_file_of_log(fd), REAL(pwrite64)(fd, bytes, count, offset),
         REAL(pwrite64)(fd, bytes, count / 2, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  ssize_t result;
  KILLED(result, "write", is_file_of_log(fd), REAL(writev)(fd, parts, count),
         REAL(write)(fd, parts[0].iov_base, parts[0].iov_len / 2));
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  ssize_t result;
  KILLED(result, "write", is_file_of_log(fd), REAL(pwritev64)(fd, parts, count, offset),
         REAL(pwritev64)(fd, parts, (count + 1) / 2, offset));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

int fdatasync(int fd) {
  int result;
  KILLED(result, "fdatasync", is_file_of_log(fd), REAL(fdatasync)(fd), (void)0);
}

int fsync(int fd) {
  int result;
  KILLED(result, "fsyncdir", is_directory_of_log(fd), REAL(fsync)(fd), (void)0);
}

int rename(const char *from, const char *to) {
  int result;
  KILLED(result, "rename", is_inside(from), REAL(rename)(from, to), (void)0);
}

int unlink(const char *path) {
  int result;
  KILLED(result, "unlink", is_inside(path), REAL(unlink)(path), (void)0);
}
