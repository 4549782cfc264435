/*
 * syscall_words: the one table of system calls in words, for hangs, held locks and post-mortems.
 */
#include "syscall_words.h"

#include <stddef.h>
#include <sys/syscall.h>

static const struct syscall_words calls[] = {
    {SYS_futex, SYSCALL_OTHER, "waits in a futex", "waits in a futex"},
    {SYS_read, SYSCALL_READ, "waits for something to read", "reads"},
    {SYS_pread64, SYSCALL_OTHER, "waits for something to read", "reads"},
    {SYS_readv, SYSCALL_READ, "waits for something to read", "reads"},
    {SYS_recvfrom, SYSCALL_READ, "waits for something to receive", "receives"},
    {SYS_recvmsg, SYSCALL_READ, "waits for something to receive", "receives"},
    {SYS_write, SYSCALL_WRITE, "waits until it can write", "writes"},
    {SYS_pwrite64, SYSCALL_OTHER, "waits until it can write", "writes"},
    {SYS_writev, SYSCALL_WRITE, "waits until it can write", "writes"},
    {SYS_sendto, SYSCALL_WRITE, "waits until it can send", "sends"},
    {SYS_sendmsg, SYSCALL_WRITE, "waits until it can send", "sends"},
    {SYS_fsync, SYSCALL_OTHER, "waits for the disk (fsync)", "waits for the disk (fsync)"},
    {SYS_fdatasync, SYSCALL_OTHER, "waits for the disk (fdatasync)",
     "waits for the disk (fdatasync)"},
    {SYS_poll, SYSCALL_OTHER, "waits in poll", "waits in poll"},
    {SYS_ppoll, SYSCALL_OTHER, "waits in poll", "waits in poll"},
    {SYS_select, SYSCALL_OTHER, "waits in select", "waits in select"},
    {SYS_pselect6, SYSCALL_OTHER, "waits in select", "waits in select"},
    {SYS_epoll_wait, SYSCALL_OTHER, "waits in epoll", "waits in epoll"},
    {SYS_epoll_pwait, SYSCALL_OTHER, "waits in epoll", "waits in epoll"},
    {SYS_accept, SYSCALL_OTHER, "waits for a connection", "waits for a connection"},
    {SYS_accept4, SYSCALL_OTHER, "waits for a connection", "waits for a connection"},
    {SYS_connect, SYSCALL_OTHER, "waits for a connection", "connects"},
    {SYS_pause, SYSCALL_SIGNAL, "waits for a signal", "waits for a signal"},
    {SYS_rt_sigsuspend, SYSCALL_SIGNAL, "waits for a signal", "waits for a signal"},
    {SYS_rt_sigtimedwait, SYSCALL_SIGNAL, "waits for a signal", "waits for a signal"},
    {SYS_nanosleep, SYSCALL_SLEEP, "sleeps", "sleeps (nanosleep)"},
    {SYS_clock_nanosleep, SYSCALL_SLEEP, "sleeps", "sleeps (clock_nanosleep)"},
    /* A sleep or a wait that a stop interrupted. */
    {SYS_restart_syscall, SYSCALL_SLEEP, "waits with a time limit", "waits with a time limit"},
    {SYS_wait4, SYSCALL_CHILD, "waits for a child", "waits for a child"},
    {SYS_waitid, SYSCALL_CHILD, "waits for a child", "waits for a child"},
    {SYS_flock, SYSCALL_FILE_LOCK, "waits for a lock on a file", "waits for a file's lock"},
    {SYS_fcntl, SYSCALL_FILE_LOCK, "waits for a lock on a file", "waits for a file's lock"},
};

const struct syscall_words *syscall_words(long number)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}
