// Preloaded into a broker: kills it with SIGKILL right before, within or after the n-th call of one
// kind on its log directory. LOG_KILL says which one, "write within 12", and LOG_KILL_DIR where.
// Calls: write (any that writes to a file), fdatasync, fsyncdir, rename, unlink.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char wanted[16], moment[8], directory[4096];
static int wanted_number;
static atomic_int number;

__attribute__((constructor)) static void begin(void) {
  const char *what = getenv("LOG_KILL"), *where = getenv("LOG_KILL_DIR");
  if (what == NULL || where == NULL) return;
  if (sscanf(what, "%15s %7s %d", wanted, moment, &wanted_number) != 3) abort();
  snprintf(directory, sizeof directory, "%s", where);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int is_inside(const char *path) {
  size_t length = strlen(directory);
  return length > 0 && strncmp(path, directory, length) == 0 && path[length] == '/';
}

static int is_file_of_log(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_inside(path);
}

static int is_directory_of_log(int fd) {
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strcmp(path, directory) == 0;
}

// Counts a call; true where it is the one.
static int is_the_one(const char *call, int concerns_log) {
  if (!concerns_log || strcmp(call, wanted) != 0) return 0;
  if (atomic_fetch_add(&number, 1) + 1 != wanted_number) return 0;
  if (strcmp(moment, "before") == 0) die();
  return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

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
