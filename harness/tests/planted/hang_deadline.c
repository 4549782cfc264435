/*
 * hang_deadline: waits with a time limit, so that nobody can prove that it waits for ever, and far
 * longer than --deadline allows.
 *
 *     planted: hang.deadline
 *     run: --inject none --cycles 1 --deadline 500ms
 */
#include <poll.h>
#include <stddef.h>
#include <string.h>

enum { WAIT_MS = 4000 }; /* of which three times the deadline is less than half */

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bad") == 0)
        poll(NULL, 0, WAIT_MS);
    return 0;
}
