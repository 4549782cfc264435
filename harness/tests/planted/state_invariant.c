/*
 * state_invariant: a program with a promise of its own, which it checks and finds broken: money
 * that is taken from one account and never reaches the other.
 *
 *     planted: state.invariant
 *     run: --inject none --cycles 2
 */
#include <harness/marks.h>

#include <string.h>

enum { ACCOUNTS = 2, OPENING = 100 };

static int account[ACCOUNTS] = {OPENING, OPENING};

int main(int argc, char **argv)
{
    account[0] -= 30;
    if (argc < 2 || strcmp(argv[1], "bad") != 0)
        account[1] += 30;
    if (account[0] + account[1] != ACCOUNTS * OPENING)
        mark_invariant("the accounts do not sum to what they began with");
    return 0;
}
