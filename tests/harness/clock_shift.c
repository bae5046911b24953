/* Preloaded into a daemon, moves its wall clock by as many seconds as stand in the file CLOCK_SHIFT_FILE, a binary
 * int64; the monotonic clock goes on as it was. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void)
{
    const char *name = getenv("CLOCK_SHIFT_FILE");
    int fd = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED)
        _exit(97);
    shift = map;
    close(fd);
}

static int64_t seconds(void)
{
    return shift == NULL ? 0 : *shift;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (real == NULL)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    rc = real(id, out);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        out->tv_sec += (time_t)seconds();
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
    return 0;
}

/* A moment of the moved clock is waited for by the true one. Moments of the monotonic clock are far smaller numbers. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    enum { ANY_DAY_OF_OURS = 1000000000 };
    struct timespec when = *until;

    if (when.tv_sec < ANY_DAY_OF_OURS)
        return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &when);
    when.tv_sec -= (time_t)seconds();
    return pthread_cond_clockwait(condition, mutex, CLOCK_REALTIME, &when);
}
