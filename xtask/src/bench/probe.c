/* The program that the benchmarks supervise. Every time is CLOCK_MONOTONIC in nanoseconds, the
 * same clock for all processes, so that times of different processes can be subtracted.
 *
 *   probe run FIFO               tell time and pid, then wait to be killed
 *   probe idle                   wait to be killed
 *   probe kill PID               tell the time on stdout, then kill -9
 *   probe launch FIFO CMD...     tell time and pid, then become CMD
 *   probe spawn CMD...           fork, exec CMD in the child, wait for it
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* One write below PIPE_BUF: lines of several processes never mix. */
static void tell(int out, long long time)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%lld %ld\n", time, (long)getpid());
    if (write(out, line, length) != length)
        exit(1);
}

static void tell_fifo(const char *path, long long time)
{
    int out = open(path, O_WRONLY | O_CLOEXEC);
    if (out < 0)
        exit(1);
    tell(out, time);
    close(out);
}

int main(int count, char **words)
{
    long long start = now();
    const char *verb = count > 1 ? words[1] : "";

    if (strcmp(verb, "run") == 0 && count == 3) {
        tell_fifo(words[2], start);
        for (;;)
            pause();
    }
    if (strcmp(verb, "idle") == 0) {
        for (;;)
            pause();
    }
    if (strcmp(verb, "kill") == 0 && count == 3) {
        tell(1, now());
        return kill(atol(words[2]), SIGKILL) == 0 ? 0 : 1;
    }
    if (strcmp(verb, "launch") == 0 && count > 3) {
        tell_fifo(words[2], now());
        execvp(words[3], words + 3);
        return 1;
    }
    if (strcmp(verb, "spawn") == 0 && count > 2) {
        pid_t child = fork();
        if (child == 0) {
            execvp(words[2], words + 2);
            _exit(1);
        }
        waitpid(child, NULL, 0);
        return 0;
    }
    fputs("usage: see probe.c\n", stderr);
    return 2;
}
