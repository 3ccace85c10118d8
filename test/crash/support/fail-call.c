// Preloaded into a broker: the n-th call of one kind on its log directory fails. FAIL_CALL says
// which and how, "write 12 5 once" (the third is the number of the error; "on" instead of "once":
// this call and all later ones), FAIL_DIRECTORY where. Calls: write (any that writes to a file),
// fdatasync, fsync, rename, unlink, open. A call that fails is told on standard error; at an orderly
// end the counts go to FAIL_COUNTS.

#include "log-calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/uio.h>

enum { WRITE, FDATASYNC, FSYNC, RENAME, UNLINK, OPEN, CALLS };
static const char *const names[CALLS] = {"write", "fdatasync", "fsync", "rename", "unlink", "open"};
static char wanted[16], how[8];
static int wanted_number, error;
static const char *counts_path;
static atomic_int numbers[CALLS];

__attribute__((constructor)) static void begin(void) {
  const char *what = getenv("FAIL_CALL");
  directory = getenv("FAIL_DIRECTORY");
  counts_path = getenv("FAIL_COUNTS");
  if (what != NULL && sscanf(what, "%15s %d %d %7s", wanted, &wanted_number, &error, how) != 4)
    abort();
}

__attribute__((destructor)) static void end(void) {
  FILE *file = counts_path == NULL ? NULL : fopen(counts_path, "w");
  if (file == NULL) return;
  for (int call = 0; call < CALLS; call++)
    fprintf(file, "%s\"%s\":%d", call == 0 ? "{" : ",", names[call], numbers[call]);
  fprintf(file, "}\n");
  fclose(file);
}

static int is_inside(const char *path) { return inside(path) != NULL; }

static int is_of_log(int fd) {
  char path[4096];
  return inside_of(fd, path, sizeof path) != NULL;
}

// Counts a call; true where it must fail, with `errno` set.
static int fails(int call, int concerns_log) {
  if (!concerns_log) return 0;
  int number = atomic_fetch_add(&numbers[call], 1) + 1;
  if (strcmp(names[call], wanted) != 0 || number < wanted_number) return 0;
  if (number > wanted_number && strcmp(how, "on") != 0) return 0;
  static const char told[] = "a call was made to fail\n";
  REAL(write)(STDERR_FILENO, told, sizeof told - 1);
  errno = error;
  return 1;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  return fails(WRITE, is_of_log(fd)) ? -1 : REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  return fails(WRITE, is_of_log(fd)) ? -1 : REAL(pwrite64)(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return fails(WRITE, is_of_log(fd)) ? -1 : REAL(writev)(fd, parts, count);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return fails(WRITE, is_of_log(fd)) ? -1 : REAL(pwritev64)(fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}

int fdatasync(int fd) { return fails(FDATASYNC, is_of_log(fd)) ? -1 : REAL(fdatasync)(fd); }

int fsync(int fd) { return fails(FSYNC, is_of_log(fd)) ? -1 : REAL(fsync)(fd); }

int rename(const char *from, const char *to) {
  return fails(RENAME, is_inside(from)) ? -1 : REAL(rename)(from, to);
}

int unlink(const char *path) { return fails(UNLINK, is_inside(path)) ? -1 : REAL(unlink)(path); }

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return fails(OPEN, is_inside(path)) ? -1 : REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open64(path, flags, mode);
}
