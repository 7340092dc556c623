/* Counts the operations that write below a folder, and at the n-th of them fails or ends the process.
 *
 * Loaded with LD_PRELOAD; harmless until fault_arm is called. A kind of 0 is SIGKILL, as by a machine without memory; any
 * other is the error number of that one operation, such as ENOSPC: afterwards there is space again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long operations;
static char folder[PATH_MAX];
static long fail_at;
static int fail_kind;

static int below(const char *path) {
    char whole[PATH_MAX];
    if (folder[0] == 0 || path == NULL) return 0;
    if (path[0] != '/') {
        if (getcwd(whole, sizeof whole) == NULL || strlen(whole) + strlen(path) + 2 > sizeof whole) return 0;
        strcat(whole, "/");
        strcat(whole, path);
        path = whole;
    }
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int open_below(int handle) {
    if (folder[0] == 0) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/') return 0; /* a pipe, a socket or an event */
    path[length] = 0;
    return below(path);
}

/* Called by the driver in the process that is to fail: from here on operations below `path` are counted. */
void fault_arm(const char *path, long at, int kind) {
    strncpy(folder, path, sizeof folder - 1);
    fail_at = at;
    fail_kind = kind;
    atomic_store(&operations, 0);
}

long fault_count(void) { return atomic_load(&operations); }

/* 1 if this operation is to fail; does not return if the process is to end. */
static int strikes(void) {
    if (atomic_fetch_add(&operations, 1) + 1 != fail_at) return 0;
    if (fail_kind == 0) kill(getpid(), SIGKILL);
    errno = fail_kind;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT))

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = va_arg(rest, mode_t);                               \
        va_end(rest);                                                     \
        if (WRITES(flags) && below(path) && strikes()) return -1;    \
        return REAL(name)(path, flags, mode);                             \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                      \
    int name(int parent, const char *path, int flags, ...) {              \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        mode_t mode = va_arg(rest, mode_t);                               \
        va_end(rest);                                                     \
        if (WRITES(flags) && below(path) && strikes()) return -1;    \
        return REAL(name)(parent, path, flags, mode);                     \
    }
OPENAT(openat)
OPENAT(openat64)

#define STREAM(name)                                                                       \
    FILE *name(const char *path, const char *mode) {                                       \
        if (strpbrk(mode, "wa+") != NULL && below(path) && strikes()) return NULL;    \
        return REAL(name)(path, mode);                                                     \
    }
STREAM(fopen)
STREAM(fopen64)

ssize_t write(int handle, const void *bytes, size_t count) {
    if (handle > 2 && open_below(handle) && strikes()) return -1;
    return REAL(write)(handle, bytes, count);
}

ssize_t pwrite(int handle, const void *bytes, size_t count, off_t offset) {
    if (open_below(handle) && strikes()) return -1;
    return REAL(pwrite)(handle, bytes, count, offset);
}

ssize_t pwrite64(int handle, const void *bytes, size_t count, off64_t offset) {
    if (open_below(handle) && strikes()) return -1;
    return REAL(pwrite64)(handle, bytes, count, offset);
}

ssize_t writev(int handle, const struct iovec *parts, int count) {
    if (handle > 2 && open_below(handle) && strikes()) return -1;
    return REAL(writev)(handle, parts, count);
}

#define HANDLE(name)                                              \
    int name(int handle) {                                        \
        if (open_below(handle) && strikes()) return -1;      \
        return REAL(name)(handle);                                \
    }
HANDLE(fsync)
HANDLE(fdatasync)

int ftruncate64(int handle, off64_t length) {
    if (open_below(handle) && strikes()) return -1;
    return REAL(ftruncate64)(handle, length);
}

#define TWO_PATHS(name)                                                   \
    int name(const char *from, const char *to) {                          \
        if ((below(from) || below(to)) && strikes()) return -1;      \
        return REAL(name)(from, to);                                      \
    }
TWO_PATHS(rename)
TWO_PATHS(link)
TWO_PATHS(symlink)

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    if ((below(from) || below(to)) && strikes()) return -1;
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    if ((below(from) || below(to)) && strikes()) return -1;
    return REAL(renameat)(from_folder, from, to_folder, to);
}

#define ONE_PATH(name)                                            \
    int name(const char *path) {                                  \
        if (below(path) && strikes()) return -1;             \
        return REAL(name)(path);                                  \
    }
ONE_PATH(unlink)
ONE_PATH(rmdir)

int unlinkat(int parent, const char *path, int flags) {
    if ((path[0] == '/' ? below(path) : open_below(parent)) && strikes()) return -1;
    return REAL(unlinkat)(parent, path, flags);
}

int mkdir(const char *path, mode_t mode) {
    if (below(path) && strikes()) return -1;
    return REAL(mkdir)(path, mode);
}
