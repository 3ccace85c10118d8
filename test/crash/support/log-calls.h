// What is shared by the programs that are preloaded into a broker: the calls of the C library that
// theirs stand before, and which of them concern a directory, once `directory` is set.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *directory;

// What is behind the directory's own path, "." for itself; NULL for a path of others.
static const char *inside(const char *path) {
  size_t length = directory == NULL ? 0 : strlen(directory);
  if (length == 0 || strncmp(path, directory, length) != 0) return NULL;
  if (path[length] == 0) return ".";
  return path[length] == '/' ? path + length + 1 : NULL;
}

// As above for what is open; `path` is where the name is kept.
static const char *inside_of(int fd, char *path, size_t size) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return NULL;
  path[length] = 0;
  return inside(path);
}
