/*
 * test_message: messages whole, with descriptors up to the limit and not one beyond it.
 */
#include <harness/supervisor/guardian/message.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CANARY = 12345 };

static int ends[2];

static int set_up(void)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int tear_down(void)
{
    return close(ends[0]) | close(ends[1]);
}

static void null_list(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static unsigned close_list(const int *fds, unsigned count)
{
    unsigned open = 0;

    for (unsigned i = 0; i < count; i++)
        open += fds[i] >= 0 && close(fds[i]) == 0;
    return open;
}

static int lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(fd);
    return fd;
}

static void test_plain(void)
{
    int fds[MESSAGE_FDS];
    char text[8] = "";

    CU_ASSERT(message_later(message_receive(ends[1], text, sizeof text, fds)));
    CU_ASSERT(message_send(ends[0], "first", 6, NULL, 0, 0));
    CU_ASSERT(message_send(ends[0], "next", 5, NULL, 0, MSG_DONTWAIT));
    CU_ASSERT_EQUAL(message_receive(ends[1], text, sizeof text, fds), 6);
    CU_ASSERT_STRING_EQUAL(text, "first");
    CU_ASSERT_EQUAL(close_list(fds, MESSAGE_FDS), 0);
    CU_ASSERT_EQUAL(message_receive(ends[1], text, sizeof text, fds), 5);
    CU_ASSERT_STRING_EQUAL(text, "next");
}

static void test_descriptors(void)
{
    int before = lowest_free(), sent[MESSAGE_FDS], fds[MESSAGE_FDS];
    char byte;

    null_list(sent, MESSAGE_FDS);
    CU_ASSERT(message_send(ends[0], "x", 1, sent, MESSAGE_FDS, 0));
    CU_ASSERT_EQUAL(close_list(sent, MESSAGE_FDS), MESSAGE_FDS);
    CU_ASSERT_EQUAL(message_receive(ends[1], &byte, 1, fds), 1);
    CU_ASSERT_EQUAL(fcntl(fds[MESSAGE_FDS - 1], F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(close_list(fds, MESSAGE_FDS), MESSAGE_FDS);
    CU_ASSERT_EQUAL(lowest_free(), before);
}

/* A sender that is not ours: one more would fit the padding of the control message. */
static void send_too_many(const int *fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE((MESSAGE_FDS + 1) * sizeof(int))];
    } control = {.align = {.cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS,
                           .cmsg_len = CMSG_LEN((MESSAGE_FDS + 1) * sizeof(int))}};
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};

    memcpy(CMSG_DATA(&control.align), fds, (MESSAGE_FDS + 1) * sizeof(int));
    CU_ASSERT_EQUAL(sendmsg(ends[0], &message, 0), 1);
}

static void test_too_many(void)
{
    int before = lowest_free(), sent[MESSAGE_FDS + 1], fds[MESSAGE_FDS + 1];
    char byte;

    null_list(sent, MESSAGE_FDS + 1);
    errno = 0;
    CU_ASSERT_FALSE(message_send(ends[0], "x", 1, sent, MESSAGE_FDS + 1, 0));
    CU_ASSERT_EQUAL(errno, EINVAL);
    send_too_many(sent);
    close_list(sent, MESSAGE_FDS + 1);
    fds[MESSAGE_FDS] = CANARY;
    CU_ASSERT_EQUAL(message_receive(ends[1], &byte, 1, fds), 1);
    CU_ASSERT_EQUAL(fds[MESSAGE_FDS], CANARY);
    CU_ASSERT_EQUAL(close_list(fds, MESSAGE_FDS), MESSAGE_FDS);
    CU_ASSERT_EQUAL(lowest_free(), before);
}

static void test_end(void)
{
    int other[2], fds[MESSAGE_FDS];
    char byte;

    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, other), 0);
    close(other[0]);
    CU_ASSERT_FALSE(message_send(other[1], "x", 1, NULL, 0, 0)); /* and no SIGPIPE */
    CU_ASSERT_EQUAL(errno, EPIPE);
    CU_ASSERT_EQUAL(message_receive(other[1], &byte, 1, fds), 0);
    CU_ASSERT_FALSE(message_later(0));
    close(other[1]);
}

int main(void)
{
    CU_TestInfo tests[] = {{"plain messages", test_plain},
                           {"descriptors come along", test_descriptors},
                           {"more descriptors than fit", test_too_many},
                           {"the other side is gone", test_end},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"message", set_up, tear_down, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    unsigned failed;

    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
